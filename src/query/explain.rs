//! A plan in words, for `explainPlan` and `analyzePlan`.

use crate::error::Result;
use crate::progress::Progress;
use crate::query::access::{Access, Depth, IndexAccess};
use crate::query::indexed::IndexedFilter;
use crate::query::matching::Matcher;
use crate::query::nearest::NearestPlan;
use crate::query::plan::{Filtered, Path, Plan};
use crate::query::trace::Trace;

impl Plan {
    /// What will be done, a line a step, the last step first. `verbose` adds the columns and their types.
    pub fn explain(&self, verbose: bool) -> String {
        let mut lines = vec![self.describe_output(verbose)];
        lines.push(format!(
            "  Limit: skip={}, fetch={}",
            self.offset,
            self.limit.map_or("all".to_owned(), |limit| limit.to_string())
        ));
        match &self.path {
            Path::Scan => {
                lines.extend(self.describe_order());
                lines.extend(self.describe_filter("  Filter"));
                lines.extend(self.describe_indexes(match self.order {
                    Some(_) => self.indexed(),
                    None => self.indexed_scan(),
                }));
                lines.push(format!("  Scan: rows={}", self.snapshot.version().row_count()));
            }
            Path::Take(row_ids) => {
                lines.extend(self.describe_filter("  Filter"));
                lines.push(format!("  Take: rows={}", row_ids.len()));
            }
            Path::Nearest { nearest, postfilter } => {
                if *postfilter {
                    lines.extend(self.describe_filter("  Postfilter"));
                }
                lines.extend(self.describe_order());
                lines.extend(describe_nearest(nearest));
                if !*postfilter {
                    lines.extend(self.describe_filter("    Prefilter"));
                    lines.extend(self.describe_indexes(self.indexed()));
                    lines.extend(self.describe_way(nearest));
                }
            }
        }
        lines.join("\n")
    }

    /// Runs the plan, and says what each step saw and how long it took.
    pub fn analyze(&self, progress: &Progress) -> Result<String> {
        let trace = Trace::default();
        self.run_traced(progress, Some(&trace))?;
        Ok(format!("{}\nRan:\n  {}", self.explain(false), trace.lines().join("\n  ")))
    }

    fn describe_output(&self, verbose: bool) -> String {
        let columns: Vec<String> = self
            .schema()
            .fields()
            .iter()
            .map(|field| match verbose {
                true => format!("{}: {}", field.name(), field.data_type()),
                false => field.name().clone(),
            })
            .collect();
        format!("Output: columns=[{}]", columns.join(", "))
    }

    fn describe_order(&self) -> Option<String> {
        self.order.as_ref().map(|order| format!("  Sort: {order}"))
    }

    /// The filter, and what in it may mean something else than its writer thinks.
    fn describe_filter(&self, step: &str) -> Vec<String> {
        let Some(Filtered { predicate, .. }) = &self.filter else { return Vec::new() };
        let mut lines = vec![format!("{step}: {}", predicate.sql())];
        lines.extend(predicate.notes().iter().map(|note| format!("      Note: {note}")));
        lines
    }

    /// Which scalar indexes find the rows of the filter, and what is left to evaluate.
    fn describe_indexes(&self, indexed: Result<Option<IndexedFilter>>) -> Vec<String> {
        let indexed = match indexed {
            Ok(Some(indexed)) => indexed,
            Ok(None) => return self.describe_exclusion().into_iter().collect(),
            Err(error) => return vec![format!("      ScalarIndex: none, because it fails: {error}")],
        };
        let rows = self.snapshot.version().row_count();
        let mut lines: Vec<String> = Vec::new();
        for step in &indexed.steps {
            let names = step.indexes.join(", ");
            lines.push(format!(
                "      ScalarIndex: {names} for {}; rows={} of {rows}",
                step.search, step.rows
            ));
        }
        if indexed.rest.is_some() {
            lines.push("      Evaluate: what these do not answer, on the rows they find".to_owned());
        }
        if indexed.covered_end < self.snapshot.version().manifest().next_row_id {
            let first = indexed.covered_end;
            lines.push(format!("      Evaluate: rows newer than an index (ids from {first})"));
        }
        lines
    }

    /// How many segments are not read because the filter excludes them.
    fn describe_exclusion(&self) -> Option<String> {
        let Filtered { predicate, .. } = self.filter.as_ref()?;
        match Matcher::new(self.snapshot.version(), predicate) {
            Ok(matcher) => Some(format!("      Statistics: {matcher}")),
            Err(error) => Some(format!("      Statistics: none, because reading them fails: {error}")),
        }
    }

    /// Which way a filtered search goes through or past the index, and why. Evaluates the filter for it.
    fn describe_way(&self, nearest: &NearestPlan) -> Option<String> {
        let Access::Index(access) = &nearest.access else { return None };
        let matches = match self.matches(&Progress::none(), None) {
            Ok(rows) => rows?.len(),
            Err(error) => return Some(format!("      Way: unknown, because the filter fails: {error}")),
        };
        let choice = nearest.choice(access, matches);
        let way = if choice.is_exact() { "compare every match" } else { "search the index for matches" };
        Some(format!(
            "      Way: {way}; matches={matches} of {}, comparing them is about {:.2} ms of work, searching {:.2} ms",
            choice.rows,
            choice.exact_ns() / 1e6,
            choice.index_ns() / 1e6
        ))
    }
}

fn describe_nearest(nearest: &NearestPlan) -> Vec<String> {
    let what = format!(
        "column={}, metric={}, k={}, queries={}",
        nearest.column_name,
        nearest.metric,
        nearest.k,
        nearest.query_count()
    );
    let mut lines = match &nearest.access {
        Access::Nothing => vec![format!("  Nothing: {what}; fastSearch was asked for, but no index fits")],
        Access::Exact { why } => vec![format!("  ExactSearch: {what}; because {why}")],
        Access::Index(access) => describe_index(nearest, access, &what),
    };
    if nearest.range.lower.is_some() || nearest.range.upper.is_some() {
        let bound = |value: Option<f32>| value.map_or("none".to_owned(), |value| value.to_string());
        lines.push(format!(
            "    DistanceRange: lower={}, upper={}",
            bound(nearest.range.lower),
            bound(nearest.range.upper)
        ));
    }
    lines
}

fn describe_index(nearest: &NearestPlan, access: &IndexAccess, what: &str) -> Vec<String> {
    let entry = access.index.entry();
    let depth = describe_depth(&access.depth);
    let mut lines =
        vec![format!("  IndexSearch: index={}, type={}, {what}, {depth}", entry.name, entry.kind)];
    if entry.kind == "IVF_PQ" {
        lines.push(match access.rerank {
            true => format!("    Rerank: candidates={}", access.expected_candidates(nearest.k, None)),
            false => "    NoRerank: _distance is the index's estimate".to_owned(),
        });
    }
    let newer = nearest.newer_rows(access);
    if !newer.is_empty() {
        lines.push(format!("    ExactSearch: rows newer than the index (ids from {})", newer.start));
    }
    if !nearest.left_out.is_empty() {
        lines.push("    Skip: rows newer than the index; fastSearch was asked for".to_owned());
    }
    lines
}

fn describe_depth(depth: &Depth) -> String {
    let most = |max: &Option<usize>| max.map_or("all".to_owned(), |probes| probes.to_string());
    match depth {
        Depth::Probes { min, max, .. } => format!("minimum_nprobes={min}, maximum_nprobes={}", most(max)),
        Depth::Target { recall, min, max, effort } => {
            let expected = match effort {
                Some(effort) if effort.probes.is_finite() => format!("{:.1}", effort.probes),
                Some(_) => "all".to_owned(),
                None => "all (the index has too few rows to be calibrated)".to_owned(),
            };
            let bounds = match (min, max) {
                (0, None) => String::new(),
                _ => format!(", minimum_nprobes={min}, maximum_nprobes={}", most(max)),
            };
            format!("target_recall={recall}, expected_nprobes={expected}{bounds}")
        }
    }
}
