//! What builds leave behind: the same bytes each time, or nothing, and damage that is noticed.

use super::*;

#[test]
fn too_few_rows_say_what_to_change() {
    let table = Table::new(column(ElementKind::F32, &[1.0; 512], 2));
    let error = table.build(&pq(Metric::L2, 1000, 1, 8), "a", &Progress::none()).err().unwrap();
    assert!(error.to_string().starts_with("numPartitions is 1000, but the table has 256 rows"), "{error}");

    let nulls = lists(ElementKind::F32, &[1.0; 8], 2, Some(vec![false, true, false, false]));
    let table = Table::new(VectorColumn::of_lists(nulls, 0));
    let error = table.build(&ivf_flat(Metric::L2, 2), "a", &Progress::none()).err().unwrap();
    assert_eq!(error.code(), "NOT_ENOUGH_ROWS");
    assert!(error.to_string().contains("only 1 row"), "{error}");

    let table = Table::new(VectorColumn::of_lists(lists(ElementKind::F32, &[], 2, None), 0));
    let error =
        table.build(&IndexConfig::IvfPq(IvfPqConfig::default()), "a", &Progress::none()).err().unwrap();
    assert_eq!(error.code(), "NOT_ENOUGH_ROWS");
    assert_eq!(fs::read_dir(table.folder.path().join("indexes")).unwrap().count(), 0);
}

#[test]
fn the_same_seed_gives_the_same_file_on_any_number_of_threads() {
    let values = clustered(2500, 8, 4);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 20, 4, 8), pq(Metric::Cosine, 20, 2, 4), ivf_flat(Metric::Dot, 20)] {
        let files = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let uuid = format!("{}{}{threads}", config.kind(), config.metric().unwrap());
            let indexed = pool.install(|| table.build(&config, &uuid, &Progress::none())).unwrap();
            fs::read(indexed.path).unwrap()
        });
        assert!(files[0] == files[1] && files[1] == files[2], "{config:?}");
    }
    let other_seed = IndexConfig::IvfFlat(IvfFlatConfig { seed: 1, ..IvfFlatConfig::default() });
    let default = IndexConfig::IvfFlat(IvfFlatConfig::default());
    let files = [("s1", &other_seed), ("s2", &default)]
        .map(|(uuid, config)| fs::read(table.build(config, uuid, &Progress::none()).unwrap().path).unwrap());
    assert!(files[0] != files[1]);
}

#[test]
fn a_flipped_byte_is_noticed_at_opening_or_by_verify() {
    // Enough rows for a calibration.
    let values = clustered(1100, 4, 6);
    let table = Table::new(column(ElementKind::F32, &values, 4));
    for config in [pq(Metric::L2, 3, 2, 4), ivf_flat(Metric::L2, 3)] {
        let Indexed { built, index, path } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        assert!(index.calibration().is_some());
        index.verify().unwrap();
        built.files[0].verify(table.folder.path()).unwrap();
        let bytes = fs::read(&path).unwrap();

        // Each byte of the header, then steps through everything behind it.
        for at in (0..4096).chain((4096..bytes.len()).step_by(37)) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::remove_file(&path).unwrap();
            fs::write(&path, damaged).unwrap();
            let error = table.open(&built, table.folder.path()).and_then(|index| index.verify()).unwrap_err();
            assert_eq!(error.code(), "CORRUPTED", "{} byte {at}: {error}", config.kind());
        }
        for bytes in [&bytes[..bytes.len() - 1], &bytes[..100], &[]] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(table.open(&built, table.folder.path()).err().unwrap().code(), "CORRUPTED");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(table.open(&built, table.folder.path()).err().unwrap().code(), "CORRUPTED");
    }
}

#[test]
fn searching_a_damaged_partition_is_an_error_and_the_others_still_answer() {
    let values = clustered(300, 8, 6);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 3, 4, 8), ivf_flat(Metric::L2, 3)] {
        let Indexed { built, path, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let extents_at = u64::from_le_bytes(bytes[136..144].try_into().unwrap()) as usize;
        bytes[extents_at] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, &bytes).unwrap();

        let index = table.open(&built, table.folder.path()).unwrap();
        let search = |row: usize, probe: &Probe<'_>| {
            let query = Query::new(Metric::L2, &values[row * 8..(row + 1) * 8]);
            index.search(&query, probe, &Progress::none()).map_err(|error| error.code())
        };
        assert_eq!(search(0, &everything(300)).unwrap_err(), "CORRUPTED");
        let nearest = Probe { candidates: 1, probes_min: 1, probes_max: Some(1), ..Probe::default() };
        let failed = (0..300).filter(|&row| search(row, &nearest).is_err()).count();
        assert!(failed > 0 && failed < 300, "{failed} of 300 failed");
    }
}

#[test]
fn a_cancelled_build_leaves_nothing_behind() {
    let values = clustered(2000, 8, 7);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    for config in [pq(Metric::L2, 20, 4, 8), ivf_flat(Metric::L2, 20)] {
        let stages = ["sample", "train partitions", "train codebooks", "encode", "write", "calibrate"];
        let without_codebooks = config.kind() == "IVF_FLAT";
        for stop_at in stages.into_iter().filter(|stage| !(without_codebooks && *stage == "train codebooks"))
        {
            let cancel = CancelFlag::default();
            let flag = cancel.clone();
            let progress = Progress::new("a build").cancelled_by(cancel).on_report(move |stage, _, _| {
                if stage == stop_at {
                    flag.cancel();
                }
            });
            let error = table.build(&config, "cancelled", &progress).err();
            assert_eq!(error.map(|error| error.code()), Some("CANCELLED"), "{stop_at}");
            assert_eq!(fs::read_dir(table.folder.path().join("indexes")).unwrap().count(), 0);
        }
    }
}
