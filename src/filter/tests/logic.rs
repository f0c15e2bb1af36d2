//! Which rows match: comparisons, logic, patterns, lists, dates.

use super::assert_logic;

#[test]
fn literals_bend_to_whole_number_columns() {
    assert_logic(&[
        ("id = 1", "tfffn"),
        ("id = 1.0", "tfffn"),
        ("id = 1.5", "ffffn"),
        ("id <> 1.5", "ttttn"),
        ("id < 1.5", "tfftn"),
        ("1.5 > id", "tfftn"),
        ("id >= 1.5", "fttfn"),
        ("id > -4.5", "ttttn"),
        ("small = 300", "ffffn"),
        ("small < 300", "ttttn"),
        ("small > -1e30", "ttttn"),
        ("small >= 127", "fftfn"),
        ("small IS DISTINCT FROM 300", "ttttt"),
        ("small IS NOT DISTINCT FROM 1.5", "fffff"),
        ("big > -1", "ttttn"),
        ("big = -1", "ffffn"),
    ]);
}

#[test]
fn big_integers_never_pass_through_a_float() {
    assert_logic(&[
        ("id = 9007199254740993", "fftfn"),
        ("id = 9007199254740992", "ffffn"),
        ("big = 18446744073709551615", "fftfn"),
        ("big < 18446744073709551615", "ttftn"),
        ("big > 18446744073709551616", "ffffn"),
        ("id < big", "ffttn"),
        ("id IN (9007199254740992, 1)", "tfffn"),
        ("id = CAST(9007199254740992 AS DOUBLE)", "ffffn"),
    ]);
}

#[test]
fn floats_compare_as_numbers() {
    assert_logic(&[
        ("price = 0", "ftffn"),
        ("price < 0", "ffffn"),
        ("price >= 0.0", "ttttn"),
        ("price > 1e300", "fftfn"),
        ("price = price", "ttttn"),
        ("price = -price", "fttfn"),
        ("price IN (0, 10)", "ftftn"),
        ("score = 0.1", "tfffn"),
        ("score < 1e39", "ttftn"),
        ("score <= 1e39", "ttftn"),
        ("half = 0.1", "tfffn"),
        ("half IN (0.1, 0)", "tftfn"),
        ("half = 0", "fftfn"),
        ("half < 1e6", "ttttn"),
        ("small < price", "ffttn"),
    ]);
}

#[test]
fn logic_has_three_values() {
    assert_logic(&[
        ("flag", "tftfn"),
        ("NOT flag", "ftftn"),
        ("flag AND NULL", "nfnfn"),
        ("flag OR NULL", "tntnn"),
        ("flag IS TRUE", "tftff"),
        ("flag IS NOT TRUE", "ftftt"),
        ("flag IS FALSE", "ftftf"),
        ("flag IS UNKNOWN", "fffft"),
        ("flag IS NOT UNKNOWN", "ttttf"),
        ("NOT (id = 1 AND flag)", "ftttn"),
        ("NULL", "nnnnn"),
        ("id = NULL", "nnnnn"),
        ("id IS NOT DISTINCT FROM NULL", "fffft"),
        ("name IS NULL OR flag", "tftft"),
        ("flag = true", "tftfn"),
        ("true", "ttttt"),
        ("id IS DISTINCT FROM small", "ffttf"),
    ]);
}

#[test]
fn in_lists_know_about_null() {
    assert_logic(&[
        ("id IN (1, 2)", "ttffn"),
        ("id NOT IN (1, 2)", "ffttn"),
        ("id IN (1, NULL)", "tnnnn"),
        ("id NOT IN (1, NULL)", "fnnnn"),
        ("id IN (1.5)", "ffffn"),
        ("id IN (small, 7)", "ttffn"),
        ("id IN ()", "fffff"),
        ("name IN ('apple', '')", "tfftn"),
        ("kind IN ('apple', 'x')", "tfffn"),
        ("flag IN (true)", "tftfn"),
        ("cost IN (1.5, 2.001)", "tfffn"),
        ("day IN ('2024-01-01')", "ftffn"),
        ("NULL IN (1)", "nnnnn"),
    ]);
}

#[test]
fn between_includes_both_ends() {
    assert_logic(&[
        ("id BETWEEN 1 AND 2", "ttffn"),
        ("id NOT BETWEEN 1 AND 2", "ffttn"),
        ("id BETWEEN NULL AND 0", "fffnn"),
    ]);
}

#[test]
fn strings_match_patterns() {
    assert_logic(&[
        ("name = 'apple'", "tfffn"),
        ("name <> ''", "tttfn"),
        ("name < 'b'", "ttftn"),
        ("name LIKE '%a%'", "ttffn"),
        ("name LIKE 'a____'", "tfffn"),
        ("name LIKE 'fig!_1' ESCAPE '!'", "fftfn"),
        ("name LIKE 'fig\\_%'", "fftfn"),
        ("name NOT LIKE 'a%'", "ftttn"),
        ("name ILIKE 'BAN%'", "ftffn"),
        ("large LIKE '%g%'", "fftfn"),
        ("kind LIKE 'B%'", "ftffn"),
        ("kind = 'Banana'", "ftffn"),
        ("large = 'Banana'", "ftffn"),
        ("kind = large", "ttttn"),
        ("kind IS NULL", "fffft"),
        ("name SIMILAR TO '(apple|f%1)'", "tftfn"),
        ("name ~ '^a'", "tfffn"),
        ("name !~* '^A'", "ftttn"),
        ("name RLIKE 'n+'", "ftffn"),
        ("regexp_like(name, '^B', 'i')", "ftffn"),
        ("regexp_match(name, 'a.*e')", "tfffn"),
        ("bytes = X'00ff'", "tfffn"),
        ("bytes IN (X'', X'7A7a')", "ffttn"),
    ]);
}

#[test]
fn dates_and_timestamps_compare_with_strings() {
    assert_logic(&[
        ("day = '2024-01-01'", "ftffn"),
        ("day >= DATE '2024-01-01'", "fttfn"),
        ("day < '1970-01-01 12:00:00'", "tfftn"),
        ("at = '2024-01-01'", "ftffn"),
        ("at > '2024-01-01T00:00:00Z'", "fftfn"),
        ("at = TIMESTAMP '2024-01-01 00:00:00.0005'", "ffffn"),
        ("at >= '2024-01-01 02:00:00+02:00'", "fttfn"),
        ("at = day", "ttffn"),
        ("at < now()", "ttttn"),
        ("at > now() - INTERVAL '7 days'", "ffffn"),
        ("day + 1 = DATE '2024-01-02'", "ftffn"),
        ("day - DATE '2023-12-31' = 1", "ftffn"),
        ("at - to_timestamp_millis(1704067200000) > INTERVAL '0.0005 seconds'", "fftfn"),
        ("extract(year FROM at) = 2024", "fttfn"),
        ("date_trunc('month', day) = '2024-01-01'", "fttfn"),
        ("date_part('hour', at) = 23", "ffftn"),
    ]);
}

#[test]
fn nested_values_are_reached() {
    assert_logic(&[
        ("address.city = 'Rome'", "tfnfn"),
        ("address['city'] = 'Rome'", "tfnfn"),
        ("address.zip < 3", "ttffn"),
        ("get_field(address, 'Zip') = 4", "ffftn"),
        ("`A.b` = 2", "ftfff"),
        ("A.b = 2", "ftfff"),
        ("array_has(tags, 'a')", "tfftn"),
        ("'a' = ANY(tags)", "tfftn"),
        ("array_has_any(tags, ['a', 'z'])", "tfftn"),
        ("array_has_all(tags, make_array('a', 'c'))", "ffftn"),
        ("array_length(tags) = 0", "fftfn"),
        ("tags[1] = 'b'", "ftnfn"),
        ("tags[-1] = 'a'", "ffntn"),
        ("vector[1] >= 2", "ffttt"),
        ("array_has(['apple', 'x'], name)", "tfffn"),
    ]);
}
