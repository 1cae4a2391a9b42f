//! The resources of a running process.

use std::time::Duration;

use tasks_api_test_support::process::Service;
use tokio::time::sleep;

/// The resident memory in KiB and the number of open files.
fn usage(service: &Service) -> (u64, usize) {
    let files = format!("/proc/{}/fd", service.child.id().unwrap());
    let files = std::fs::read_dir(files).unwrap();
    (service.memory("VmRSS"), files.count())
}

/// Samples the process a hundred times. In a run of ten minutes or more, the maximum in
/// the last quarter must be close to that in the second.
pub async fn watch(service: &Service, seconds: u64) {
    let mut quarters = [(0, 0); 4];
    for sample in 0..100 {
        sleep(Duration::from_millis(seconds * 10)).await;
        let (memory, files) = usage(service);
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
