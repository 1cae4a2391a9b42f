//! The resources of a running process.

use std::time::Duration;

use tokio::time::sleep;

/// The resident memory in KiB and the number of open files of a process.
fn usage(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB").parse();
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    (kib.unwrap(), files.count())
}

/// Samples the process a hundred times. In a run of ten minutes or more, the maximum in
/// the last quarter must be close to that in the second.
pub async fn watch(process: u32, seconds: u64) {
    let mut quarters = [(0, 0); 4];
    for sample in 0..100 {
        sleep(Duration::from_millis(seconds * 10)).await;
        let (memory, files) = usage(process);
        let most = &mut quarters[sample / 25];
        *most = (memory.max(most.0), files.max(most.1));
    }
    println!("KiB and files, at most, of each quarter: {quarters:?}");
    if seconds < 600 {
        return;
    }
    let ((memory, files), (then_memory, then_files)) = (quarters[1], quarters[3]);
    assert!(
        then_memory <= memory + memory / 4,
        "memory grows: {quarters:?}"
    );
    assert!(then_files <= files + 16, "files stay open: {quarters:?}");
}
