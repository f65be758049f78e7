/// The workloads of the lock block that need neither a daemon nor another system: what `colony bench locks` runs.
///
/// The Benchmarks package adds those through HTTP and the comparison with etcd.
public enum LockWorkloads {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.memoryPort, self.memoryLock, self.sqliteOne, self.sqliteMany, self.handOverInProcess,
            self.handOverAcrossProcesses,
        ]
    }

    /// The workload called `name`, or `nil`.
    public static func named(_ name: String) -> Workload? {
        self.all.first { $0.name == name }
    }
}
