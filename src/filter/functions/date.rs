//! Functions of dates and timestamps. Zones are fixed offsets; without one a timestamp is in UTC.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, TimestampMicrosecondArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

use super::super::literal::{parse_temporal, temporal_grid};
use super::super::types::is_text;
use super::arguments::Arguments;
use crate::error::{Error, Result};

/// The timestamps that functions give.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// A part of a date that can be taken out, or kept as the finest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

impl Part {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_lowercase().as_str() {
            "year" | "years" => Self::Year,
            "quarter" => Self::Quarter,
            "month" | "months" => Self::Month,
            "week" | "weeks" | "isoweek" => Self::Week,
            "day" | "days" => Self::Day,
            "dow" | "dayofweek" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" => Self::DayOfYear,
            "hour" | "hours" => Self::Hour,
            "minute" | "minutes" => Self::Minute,
            "second" | "seconds" => Self::Second,
            "millisecond" | "milliseconds" => Self::Millisecond,
            "microsecond" | "microseconds" => Self::Microsecond,
            "nanosecond" | "nanoseconds" => Self::Nanosecond,
            "epoch" => Self::Epoch,
            _ => return None,
        })
    }

    pub fn unknown(text: &str) -> String {
        format!(
            "'{text}' is no part of a date; use year, quarter, month, week, day, dow, isodow, doy, hour, minute, \
             second, millisecond, microsecond, nanosecond or epoch"
        )
    }

    fn of(self, time: NaiveDateTime) -> i64 {
        let in_minute = i64::from(time.second()) * 1_000_000_000 + i64::from(time.nanosecond());
        match self {
            Self::Year => time.year().into(),
            Self::Quarter => i64::from(time.month0() / 3 + 1),
            Self::Month => time.month().into(),
            Self::Week => time.iso_week().week().into(),
            Self::Day => time.day().into(),
            Self::DayOfWeek => time.weekday().num_days_from_sunday().into(),
            Self::IsoDayOfWeek => time.weekday().number_from_monday().into(),
            Self::DayOfYear => time.ordinal().into(),
            Self::Hour => time.hour().into(),
            Self::Minute => time.minute().into(),
            Self::Second => time.second().into(),
            Self::Millisecond => in_minute / 1_000_000,
            Self::Microsecond => in_minute / 1_000,
            Self::Nanosecond => in_minute,
            Self::Epoch => time.and_utc().timestamp(),
        }
    }

    /// The start of the year, month, ... that `time` is in; none for parts that have no start.
    fn start(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let day = time.date();
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN);
        Some(match self {
            Self::Year => midnight(NaiveDate::from_ymd_opt(time.year(), 1, 1)?),
            Self::Quarter => midnight(NaiveDate::from_ymd_opt(time.year(), time.month0() / 3 * 3 + 1, 1)?),
            Self::Month => midnight(day.with_day(1)?),
            Self::Week => {
                midnight(day.checked_sub_days(Days::new(time.weekday().num_days_from_monday().into()))?)
            }
            Self::Day => midnight(day),
            Self::Hour => day.and_hms_opt(time.hour(), 0, 0)?,
            Self::Minute => day.and_hms_opt(time.hour(), time.minute(), 0)?,
            Self::Second => time.with_nanosecond(0)?,
            Self::Millisecond => time.with_nanosecond(time.nanosecond() / 1_000_000 * 1_000_000)?,
            Self::Microsecond => time.with_nanosecond(time.nanosecond() / 1_000 * 1_000)?,
            Self::Nanosecond => time,
            _ => return None,
        })
    }
}

pub(super) fn now(arguments: &Arguments) -> Result<ArrayRef> {
    Ok(Arc::new(TimestampMicrosecondArray::from(vec![Utc::now().timestamp_micros(); arguments.rows()])))
}

pub(super) fn today(arguments: &Arguments) -> Result<ArrayRef> {
    let days = days_of(Utc::now().date_naive());
    Ok(Arc::new(Date32Array::from(vec![days; arguments.rows()])))
}

fn days_of(day: NaiveDate) -> Option<i32> {
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// A date or timestamp argument as local times, where chrono can represent them.
struct Times {
    units: Int64Array,
    step: usize,
    unit_nanos: i128,
    offset_seconds: i64,
}

impl Times {
    fn new(arguments: &Arguments, position: usize) -> Result<Self> {
        let value = arguments.value(position);
        let array = value.array();
        let grid = temporal_grid(array.data_type()).ok_or_else(|| Error::internal("not a date"))?;
        let offset_seconds = match array.data_type() {
            DataType::Timestamp(_, Some(zone)) => offset_of(zone).ok_or_else(|| Error::UnsupportedSql {
                feature: format!("the time zone {zone}"),
                instead: "store UTC, or a fixed offset such as +02:00".to_owned(),
            })?,
            _ => 0,
        };
        let stored = if array.data_type() == &DataType::Date32 { DataType::Int32 } else { DataType::Int64 };
        let units = arrow_cast(array, &stored).and_then(|units| arrow_cast(&units, &DataType::Int64));
        let units = units.map_err(Error::internal)?.as_primitive::<Int64Type>().clone();
        Ok(Self { units, step: usize::from(!value.is_scalar()), unit_nanos: grid.unit_nanos, offset_seconds })
    }

    fn nanos(&self, row: usize) -> Option<i128> {
        let row = row * self.step;
        self.units.is_valid(row).then(|| i128::from(self.units.value(row)) * self.unit_nanos)
    }

    fn local(&self, row: usize) -> Option<NaiveDateTime> {
        let nanos = self.nanos(row)?;
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
        let subsecond = u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        DateTime::from_timestamp(seconds.checked_add(self.offset_seconds)?, subsecond)
            .map(|time| time.naive_utc())
    }

    /// The stored units of a local time.
    fn units(&self, local: NaiveDateTime) -> Option<i64> {
        let time = local.and_utc();
        let nanos = i128::from(time.timestamp() - self.offset_seconds) * 1_000_000_000
            + i128::from(time.timestamp_subsec_nanos());
        i64::try_from(nanos.div_euclid(self.unit_nanos)).ok()
    }
}

/// Seconds east of UTC of a fixed zone.
fn offset_of(zone: &str) -> Option<i64> {
    if matches!(zone.to_lowercase().as_str(), "utc" | "z" | "gmt" | "etc/utc" | "etc/gmt" | "+00" | "") {
        return Some(0);
    }
    let offset: chrono::FixedOffset = zone.parse().ok()?;
    Some(offset.local_minus_utc().into())
}

/// The parts that the first argument names; an unknown one is an error.
fn parts(arguments: &Arguments) -> Result<impl Fn(usize) -> Option<Part>> {
    let names = arguments.text(0);
    for row in 0..arguments.rows() {
        if let Some(name) = names.get(row)
            && Part::parse(name).is_none()
        {
            return Err(arguments.invalid(Part::unknown(name)));
        }
    }
    Ok(move |row| Part::parse(names.get(row)?))
}

pub(super) fn date_part(arguments: &Arguments) -> Result<ArrayRef> {
    let (part, times) = (parts(arguments)?, Times::new(arguments, 1)?);
    arguments.build_integers(|row| match part(row)? {
        Part::Epoch => i64::try_from(times.nanos(row)?.div_euclid(1_000_000_000)).ok(),
        part => Some(part.of(times.local(row)?)),
    })
}

pub(super) fn date_trunc(arguments: &Arguments) -> Result<ArrayRef> {
    let (part, times) = (parts(arguments)?, Times::new(arguments, 1)?);
    let result: Int64Array =
        (0..arguments.rows()).map(|row| times.units(part(row)?.start(times.local(row)?)?)).collect();
    let stored = if arguments.data_type == &DataType::Date32 { DataType::Int32 } else { DataType::Int64 };
    let result = arrow_cast(&result, &stored).map_err(Error::internal)?;
    let data = result.to_data().into_builder().data_type(arguments.data_type.clone()).build();
    data.map(arrow::array::make_array).map_err(Error::internal)
}

pub(super) fn to_unixtime(arguments: &Arguments) -> Result<ArrayRef> {
    let times = Times::new(arguments, 0)?;
    arguments.build_integers(|row| i64::try_from(times.nanos(row)?.div_euclid(1_000_000_000)).ok())
}

/// A row's nanoseconds since 1970.
type Instants<'a> = dyn Fn(usize) -> Result<Option<i128>> + 'a;

/// Nanoseconds since 1970 of strings, seconds, dates and timestamps.
fn instants<'a>(arguments: &'a Arguments) -> Result<Box<Instants<'a>>> {
    let data_type = arguments.value(0).array().data_type();
    if is_text(data_type) {
        let text = arrow_cast(&arguments.array(0)?, &DataType::Utf8).map_err(Error::internal)?;
        return Ok(Box::new(move |row| {
            let text = text.as_string::<i32>();
            let Some(text) = text.is_valid(row).then(|| text.value(row)) else { return Ok(None) };
            parse_temporal(text, &TIMESTAMP).map(Some).ok_or_else(|| {
                arguments.invalid(format!("'{text}' is not a timestamp; write it like 2024-01-31 13:30:00"))
            })
        }));
    }
    if data_type == &DataType::Float64 {
        let seconds = arguments.float(0);
        return Ok(Box::new(move |row| {
            let micros = seconds.get(row).filter(|seconds| seconds.is_finite()).map(|seconds| seconds * 1e6);
            Ok(micros.map(|micros| (micros.round() as i128).saturating_mul(1000)))
        }));
    }
    let times = Times::new(arguments, 0)?;
    Ok(Box::new(move |row| Ok(times.nanos(row))))
}

pub(super) fn to_timestamp(arguments: &Arguments) -> Result<ArrayRef> {
    let instants = instants(arguments)?;
    let micros = (0..arguments.rows())
        .map(|row| Ok(instants(row)?.and_then(|nanos| i64::try_from(nanos.div_euclid(1000)).ok())));
    Ok(Arc::new(micros.collect::<Result<TimestampMicrosecondArray>>()?))
}

pub(super) fn to_date(arguments: &Arguments) -> Result<ArrayRef> {
    const DAY_NANOS: i128 = 86_400_000_000_000;
    let instants = instants(arguments)?;
    let days = (0..arguments.rows())
        .map(|row| Ok(instants(row)?.and_then(|nanos| i32::try_from(nanos.div_euclid(DAY_NANOS)).ok())));
    Ok(Arc::new(days.collect::<Result<Date32Array>>()?))
}

pub(super) fn seconds(arguments: &Arguments) -> Result<ArrayRef> {
    scaled(arguments, 1_000_000)
}

pub(super) fn millis(arguments: &Arguments) -> Result<ArrayRef> {
    scaled(arguments, 1_000)
}

pub(super) fn micros(arguments: &Arguments) -> Result<ArrayRef> {
    scaled(arguments, 1)
}

fn scaled(arguments: &Arguments, micros: i64) -> Result<ArrayRef> {
    let n = arguments.integer(0);
    let result = (0..arguments.rows()).map(|row| n.get(row).and_then(|n| n.checked_mul(micros)));
    Ok(Arc::new(result.collect::<TimestampMicrosecondArray>()))
}

pub(super) fn make_date(arguments: &Arguments) -> Result<ArrayRef> {
    let (year, month, day) = (arguments.integer(0), arguments.integer(1), arguments.integer(2));
    let date = |row: usize| {
        let year = i32::try_from(year.get(row)?).ok()?;
        let (month, day) = (u32::try_from(month.get(row)?).ok()?, u32::try_from(day.get(row)?).ok()?);
        days_of(NaiveDate::from_ymd_opt(year, month, day)?)
    };
    Ok(Arc::new((0..arguments.rows()).map(date).collect::<Date32Array>()))
}
