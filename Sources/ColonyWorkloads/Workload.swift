public import ColonyCore

/// One thing that is measured: what it does, what figure is expected of it, and how to run it.
///
/// The same workloads serve `colony bench`, the Benchmarks package, and, at a tiny scale, the tests, so that none of
/// them dies unnoticed.
public struct Workload: Sendable {
    /// A short name without spaces, such as `sqlite-64`; unique within a block.
    public let name: String
    /// What is measured and under which load, in a few words.
    public let title: String
    /// What the figure must reach, or `nil` for one that only gives the others their scale.
    public let target: MeasurementTarget?

    private let body: @Sendable (Workload, WorkloadOptions) async throws -> Measurement

    /// Describes a workload.
    ///
    /// - Parameter body: Runs the workload that it is given once and gives its figure. It leaves nothing behind: neither files nor tasks.
    public init(
        name: String, title: String, target: MeasurementTarget? = nil,
        body: @escaping @Sendable (Workload, WorkloadOptions) async throws -> Measurement
    ) {
        self.name = name
        self.title = title
        self.target = target
        self.body = body
    }

    /// Runs the workload.
    ///
    /// - Throws: What the engine or the file system threw. A figure is never made up from a run that failed.
    public func run(_ options: WorkloadOptions = WorkloadOptions()) async throws -> Measurement {
        try await self.body(self, options)
    }
}

/// How large a run is and where it may write.
public struct WorkloadOptions: Sendable {
    /// The share of a full run, greater than zero: 1 measures for about two seconds per workload, 0.001 is a test.
    public var scale: Double
    /// A folder on the filesystem that is to be measured. Workloads write below it and remove what they wrote.
    public var directory: String
    /// What the run is timed with.
    public var clock: any MonotonicClock
    /// A program that calls ``LockWorkloads/runAsWorkerIfAsked()`` first: what workloads across processes start. The
    /// running program by default.
    public var worker: String = WorkloadOptions.runningProgram
    /// Told what happens, for a progress display: a workload's name, and how much of it is done, from 0 to 1.
    public var progress: @Sendable (String, Double) -> Void

    /// Describes a run; the defaults are those of `colony bench`.
    ///
    /// - Parameters:
    ///   - scale: Greater than zero.
    ///   - directory: The present folder by default, because a temporary folder often lies in memory, where a durable
    ///     write costs nothing and a figure says nothing.
    ///   - clock: The clock of this host by default.
    ///   - progress: Nobody is told by default.
    public init(
        scale: Double = 1, directory: String = ".", clock: any MonotonicClock = HostClock(),
        progress: @escaping @Sendable (String, Double) -> Void = { _, _ in }
    ) {
        precondition(scale > 0 && scale.isFinite, "the scale of a run must be greater than zero, not \(scale)")
        self.scale = scale
        self.directory = directory
        self.clock = clock
        self.progress = progress
    }

    private static var runningProgram: String {
        #if os(Linux)
        "/proc/self/exe"
        #else
        CommandLine.arguments.first ?? ""
        #endif
    }

    /// A duration of a full run, in milliseconds, at this scale; at least 20.
    public func milliseconds(_ full: Int) -> Int {
        self.count(full, atLeast: 20)
    }

    /// `full` times the scale, and at least `minimum`.
    public func count(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int((Double(full) * self.scale).rounded()))
    }
}
