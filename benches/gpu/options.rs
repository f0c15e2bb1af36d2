//! The command line.

use quiverdb::gpu::Variant;

/// What to measure.
pub struct Options {
    pub rows: usize,
    pub dim: usize,
    pub centroids: usize,
    pub resident_rows: usize,
    pub cpu_rows: usize,
    pub build_rows: usize,
    /// Of the index; 0 for the default.
    pub partitions: usize,
    /// Whether the index is built on the CPU, too.
    pub build_on_cpu: bool,
    /// The only variant of the kernels to measure.
    pub variant: Option<Variant>,
    pub accelerator: String,
    pub folder: String,
    pub json: Option<String>,
}

impl Options {
    /// # Panics
    /// If an argument is unknown or no number where one is wanted.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            rows: 1_000_000,
            dim: 768,
            centroids: 1024,
            resident_rows: 500_000,
            cpu_rows: 20_000,
            build_rows: 0,
            partitions: 0,
            build_on_cpu: true,
            variant: None,
            accelerator: "gpu".to_owned(),
            folder: "target/bench-gpu".to_owned(),
            json: None,
        };
        // Cargo adds this to what it is given.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{name} is {value}, which is no number"));
            match name.as_str() {
                "--rows" => options.rows = number(),
                "--dim" => options.dim = number(),
                "--centroids" => options.centroids = number(),
                "--resident-rows" => options.resident_rows = number(),
                "--cpu-rows" => options.cpu_rows = number(),
                "--build-rows" => options.build_rows = number(),
                "--partitions" => options.partitions = number(),
                "--build-on" if value == "gpu" => options.build_on_cpu = false,
                "--build-on" if value == "both" => options.build_on_cpu = true,
                "--variant" => options.variant = Some(variant(&value)),
                "--accelerator" => options.accelerator = value,
                "--folder" => options.folder = value,
                "--json" => options.json = Some(value),
                _ => panic!("unknown argument {name} {value}"),
            }
        }
        options
    }
}

fn variant(name: &str) -> Variant {
    let names = Variant::ALL.map(Variant::name).join(", ");
    Variant::parse(name).unwrap_or_else(|| panic!("--variant is {name}, which is none of {names}"))
}
