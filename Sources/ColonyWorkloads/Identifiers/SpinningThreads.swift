import ColonyCore
import Synchronization

/// Threads of the operating system that do nothing but work: what measures calls that are not asynchronous.
enum SpinningThreads {
    /// Runs `body` on so many threads at once, and gives what each returned.
    static func run<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (_ thread: Int) throws -> Result
    ) async throws -> [Result] {
        let results = Mutex<[Swift.Result<Result, any Error>]>([])
        return try await withCheckedThrowingContinuation { continuation in
            for thread in 0..<count {
                startThread(named: "colony-bench-\(thread)") {
                    let result = Swift.Result { try body(thread) }
                    let all = results.withLock { all in
                        all.append(result)
                        return all.count == count ? all : nil
                    }
                    if let all { continuation.resume(with: Swift.Result { try all.map { try $0.get() } }) }
                }
            }
        }
    }
}
