//! Reads signatures such as `substr(text: string, start: integer, length?: integer) -> string`.

/// What a function takes and gives.
#[derive(Debug)]
pub(super) struct Signature {
    pub parameters: Vec<Parameter>,
    /// Whether the last parameter repeats.
    pub variadic: bool,
    pub returns: Type,
    /// Whether the result may be null although no argument is.
    pub nullable: bool,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub data_type: Type,
    pub optional: bool,
}

/// What a signature calls a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// Utf8.
    Text,
    /// Utf8; a constant must be a regular expression.
    Regex,
    /// Utf8; a constant must name a part of a date.
    Part,
    /// Strings, numbers, booleans, dates: anything with a short text.
    Printable,
    Boolean,
    /// Int64.
    Integer,
    /// Float64.
    Float,
    /// Int64, Decimal128 or Float64; one for all parameters.
    Number,
    Date,
    /// Timestamp in microseconds.
    Timestamp,
    /// Any date or timestamp, as it is.
    Time,
    /// A string, a number, or a date or timestamp.
    Instant,
    /// The type that all T have in common.
    Any,
    /// A list of T.
    ListOfAny,
    /// As T, but of a type that can be compared: no list or struct.
    Single,
    /// A list of V.
    ListOfSingle,
}

impl Signature {
    /// None if the text is not a signature.
    pub fn parse(text: &'static str) -> Option<Self> {
        let (_, rest) = text.split_once('(')?;
        let (parameters, returns) = rest.split_once(") -> ")?;
        let mut signature = Self {
            parameters: vec![],
            variadic: false,
            returns: Type::parse(returns.trim_end_matches('?'))?,
            nullable: returns.ends_with('?'),
        };
        for parameter in parameters.split(", ").filter(|parameter| !parameter.is_empty()) {
            if parameter == "..." {
                signature.variadic = true;
                continue;
            }
            let (name, data_type) = parameter.split_once(": ")?;
            let optional = name.ends_with('?');
            let name = name.trim_end_matches('?');
            signature.parameters.push(Parameter { name, data_type: Type::parse(data_type)?, optional });
        }
        Some(signature)
    }

    /// The parameter that the argument at `position` is for.
    pub fn parameter(&self, position: usize) -> Option<&Parameter> {
        match self.parameters.get(position) {
            None if self.variadic => self.parameters.last(),
            parameter => parameter,
        }
    }

    /// Whether a call may have this many arguments.
    pub fn takes(&self, arguments: usize) -> bool {
        let required = self.parameters.iter().filter(|parameter| !parameter.optional).count();
        arguments >= required && (self.variadic || arguments <= self.parameters.len())
    }
}

impl Type {
    /// Whether it is a list of the type that all such parameters share.
    pub fn is_list(self) -> bool {
        matches!(self, Self::ListOfAny | Self::ListOfSingle)
    }

    /// Whether it is the type that all such parameters share, or a list of it.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Any | Self::Single) || self.is_list()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "string" => Self::Text,
            "regex" => Self::Regex,
            "part" => Self::Part,
            "printable" => Self::Printable,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "float" => Self::Float,
            "number" => Self::Number,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "time" => Self::Time,
            "instant" => Self::Instant,
            "T" => Self::Any,
            "[T]" => Self::ListOfAny,
            "V" => Self::Single,
            "[V]" => Self::ListOfSingle,
            _ => return None,
        })
    }
}
