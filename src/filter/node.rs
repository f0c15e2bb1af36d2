//! A bound expression: every name is a column, every operator knows its types.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::DataType;

use super::functions::Function;
use super::literal::Number;
use super::set::Set;

/// One expression and the type of its value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub kind: Kind,
    pub data_type: DataType,
    pub nullable: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A top-level column, found again by name in every batch; `index` is tried first.
    Column {
        index: usize,
        name: String,
    },
    /// A field of a struct.
    Field {
        parent: Box<Node>,
        name: String,
    },
    /// One value, as an array of one row. `number` is what a literal number says exactly.
    Constant {
        value: ArrayRef,
        number: Option<Number>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare {
        operator: Comparison,
        left: Box<Node>,
        right: Box<Node>,
    },
    IsNull(Box<Node>),
    /// IS TRUE and IS FALSE: never null.
    Is {
        operand: Box<Node>,
        value: bool,
    },
    InSet {
        operand: Box<Node>,
        set: Set,
    },
    Like {
        operand: Box<Node>,
        pattern: Box<Node>,
        ignore_case: bool,
    },
    Arithmetic {
        operator: Arithmetic,
        left: Box<Node>,
        right: Box<Node>,
        sql: String,
    },
    Negate {
        operand: Box<Node>,
        sql: String,
    },
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    /// To this node's type. `on_failure` says what a value that does not fit becomes.
    Cast {
        operand: Box<Node>,
        on_failure: OnFailure,
        sql: String,
    },
    Call {
        function: &'static Function,
        arguments: Vec<Node>,
        sql: String,
    },
}

/// What a cast makes of a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// The query fails and names the value.
    Error,
    /// TRY_CAST.
    Null,
    /// The cast was chosen such that every value fits, except times that come to a finer unit.
    Impossible,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

impl Comparison {
    /// The same comparison with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Node {
    pub fn new(kind: Kind, data_type: DataType, nullable: bool) -> Self {
        Self { kind, data_type, nullable }
    }

    /// A true-or-false node that is null only where an operand is.
    pub fn boolean(kind: Kind, nullable: bool) -> Self {
        Self::new(kind, DataType::Boolean, nullable)
    }

    /// The value in `value`, an array of one row.
    pub fn constant(value: ArrayRef) -> Self {
        let (data_type, nullable) = (value.data_type().clone(), value.is_null(0));
        // The array of type Null has no null buffer; all of it is null.
        let nullable = nullable || data_type == DataType::Null;
        Self::new(Kind::Constant { value, number: None }, data_type, nullable)
    }

    pub fn null(data_type: &DataType) -> Self {
        Self::constant(new_null_array(data_type, 1))
    }

    /// The value of a constant.
    pub fn value(&self) -> Option<&ArrayRef> {
        match &self.kind {
            Kind::Constant { value, .. } => Some(value),
            _ => None,
        }
    }

    pub fn is_constant(&self) -> bool {
        self.value().is_some()
    }

    /// Whether this is the constant null, typed or not.
    pub fn is_null_constant(&self) -> bool {
        self.is_constant() && self.nullable
    }

    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Column { .. } | Kind::Constant { .. } => vec![],
            Kind::Field { parent: operand, .. }
            | Kind::Not(operand)
            | Kind::IsNull(operand)
            | Kind::Is { operand, .. }
            | Kind::InSet { operand, .. }
            | Kind::Negate { operand, .. }
            | Kind::Cast { operand, .. } => vec![operand],
            Kind::Compare { left, right, .. }
            | Kind::Arithmetic { left, right, .. }
            | Kind::Like { operand: left, pattern: right, .. } => vec![left, right],
            Kind::And(nodes) | Kind::Or(nodes) | Kind::Call { arguments: nodes, .. } => {
                nodes.iter().collect()
            }
            Kind::Case { branches, otherwise } => {
                let both = branches.iter().flat_map(|(condition, result)| [condition, result]);
                both.chain(otherwise.as_deref()).collect()
            }
        }
    }

    /// Adds the top-level columns this reads.
    pub fn collect_columns<'a>(&'a self, columns: &mut BTreeSet<(usize, &'a str)>) {
        if let Kind::Column { index, name } = &self.kind {
            columns.insert((*index, name));
        }
        for child in self.children() {
            child.collect_columns(columns);
        }
    }

    /// Whether some row's value can make the whole evaluation fail. Such nodes are evaluated only on
    /// the rows that need them.
    pub fn can_fail(&self) -> bool {
        let itself = match &self.kind {
            Kind::Cast { on_failure: OnFailure::Impossible, .. } => self.data_type.is_temporal(),
            Kind::Cast { on_failure, .. } => *on_failure == OnFailure::Error,
            Kind::Arithmetic { .. } | Kind::Negate { .. } => !self.data_type.is_floating(),
            Kind::Call { .. } => true,
            _ => false,
        };
        itself || self.children().into_iter().any(Node::can_fail)
    }
}
