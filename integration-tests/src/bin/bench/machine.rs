//! What the kernel says of processes and of the machine.

use std::{fs, time::Duration};

/// Ticks of `/proc/*/stat` in a second: 100 on every Linux that we know.
const TICK: Duration = Duration::from_millis(10);

/// The numbers of `/proc/PID/stat` from the state on, which is the first.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let numbers = text.rsplit(") ").next()?.split_whitespace();
    Some(numbers.map(|word| word.parse().unwrap_or(0)).collect())
}

fn ticks(pid: u32, fields: &[usize]) -> u32 {
    let stat = stat(pid).unwrap_or_default();
    let sum: u64 = fields.iter().filter_map(|field| stat.get(*field)).sum();
    u32::try_from(sum).unwrap_or(u32::MAX)
}

/// Processor time of a process.
pub fn cpu(pid: u32) -> Duration {
    TICK * ticks(pid, &[11, 12])
}

/// Processor time of a process and of all its children, those that have ended included.
pub fn cpu_of_family(pid: u32) -> Duration {
    let children = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = children.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = children.filter(|child| stat(*child).is_some_and(|s| s[1] == u64::from(pid)));
    TICK * ticks(pid, &[11, 12, 13, 14]) + children.map(cpu).sum::<Duration>()
}

/// Resident memory of a process in MiB.
pub fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) / 1_024.0
}

/// The processor, the cores and the memory.
pub fn describe() -> String {
    let value = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory: f64 = value("/proc/meminfo", "MemTotal")
        .split_whitespace()
        .next()
        .and_then(|kibibytes| kibibytes.parse().ok())
        .unwrap_or_default();
    let memory = memory / 1_048_576.0;
    format!("{}, {cores} cores, {memory:.0} GiB", value("/proc/cpuinfo", "model name"))
}

/// How busy the machine was in the last minute, by all that runs on it.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
