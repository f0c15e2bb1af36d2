//! The command line.

/// What to measure.
pub struct Options {
    pub rows: usize,
    pub dim: usize,
    pub centroids: usize,
    pub resident_rows: usize,
    pub cpu_rows: usize,
    pub build_rows: usize,
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
                "--accelerator" => options.accelerator = value,
                "--folder" => options.folder = value,
                "--json" => options.json = Some(value),
                _ => panic!("unknown argument {name}"),
            }
        }
        options
    }
}
