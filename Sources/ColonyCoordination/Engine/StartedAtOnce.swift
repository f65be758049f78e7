/// Starts `operation` in a task of its own that runs on the caller's thread until it first suspends, where the platform can
/// do that: work that does not suspend then costs no change of thread.
///
/// An unstructured task inherits neither the caller's cancellation, which is the caller's to pass on, nor its executor, which is
/// passed on here.
func startedAtOnce<Success: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Success
) -> Task<Success, any Error> {
    let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
    if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, *), executor == nil {
        return Task.immediate { try await operation() }
    }
    return Task(executorPreference: executor, operation: operation)
}
