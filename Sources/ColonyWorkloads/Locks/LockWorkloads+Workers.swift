extension LockWorkloads {
    /// Lets this process serve as one of the processes of a workload, if it was started as one.
    ///
    /// A program that runs workloads calls this first, because those across processes start the program again.
    ///
    /// - Returns: Whether the process was a worker; it has nothing left to do then.
    public static func runAsWorkerIfAsked() async throws -> Bool {
        try await HandOverWorker.runIfAsked()
    }
}
