public import ColonyCore

/// How long the disk takes for one durable write, without a database: what a durable engine waits for at least once in each
/// operation.
public enum DiskLatency {
    /// Writes blocks of 8 KiB over and over a small file and waits for each to be on the medium.
    ///
    /// - Parameters:
    ///   - count: How many are timed; at least one.
    ///   - folder: Where the file is made, and removed with the folder.
    /// - Returns: How long each write took.
    /// - Throws: ``WorkloadError`` if the file cannot be written.
    public static func durableWrites(
        _ count: Int, in folder: String, clock: any MonotonicClock
    ) throws -> [Duration] {
        var probe = try DiskProbe(path: "\(folder)/probe")
        return try (0..<max(1, count)).map { _ in
            let start = clock.now
            try probe.writeDurably(1)
            return start.duration(to: clock.now)
        }
    }
}
