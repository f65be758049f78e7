#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A mutex with a condition, for the few threads that Colony owns: something to sleep on with a time limit.
///
/// - Note: `@unchecked Sendable` because `state` is read and written only inside `withLock`, under the mutex, and the
///   two system objects are made for use from many threads. They live at fixed addresses until `deinit`.
package final class ThreadCondition<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        self.mutex.initialize(to: pthread_mutex_t())
        self.condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(self.mutex, nil)
        #if canImport(Darwin)
        pthread_cond_init(self.condition, nil)
        #else
        // Waiting must not depend on the wall clock, which may step.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(self.condition, &attributes)
        pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(self.condition)
        pthread_mutex_destroy(self.mutex)
        self.condition.deallocate()
        self.mutex.deallocate()
    }

    package func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        return try body(&self.state)
    }

    package func signal() {
        pthread_cond_signal(self.condition)
    }

    /// Holds the lock, and waits for a signal as often as `body` asks for it.
    ///
    /// `body` returns `.wait(atMost:)` to sleep, or `.done` with the result.
    package func waitLoop<Result>(_ body: (inout State) -> WaitDecision<Result>) -> Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while true {
            switch body(&self.state) {
            case .done(let result):
                return result
            case .wait(nil):
                pthread_cond_wait(self.condition, self.mutex)
            case .wait(let limit?):
                self.wait(atMost: limit)
            }
        }
    }

    package enum WaitDecision<Result> {
        case wait(atMost: Duration?)
        case done(Result)
    }

    private func wait(atMost limit: Duration) {
        let nanoseconds = max(0, limit.clampedNanoseconds)
        #if canImport(Darwin)
        var interval = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        pthread_cond_timedwait_relative_np(self.condition, self.mutex, &interval)
        #else
        var until = SystemTime.conditionDeadline(in: nanoseconds)
        pthread_cond_timedwait(self.condition, self.mutex, &until)
        #endif
    }
}

/// Starts a detached thread of the operating system that runs `body`.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let argument = Unmanaged.passRetained(Box(name: name, body: body)).toOpaque()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Darwin)
    var thread: pthread_t?
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
            pthread_setname_np(box.name)
            box.body()
            return nil
        }, argument)
    #else
    var thread = pthread_t()
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            let box = Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
            nameThread(box.name)
            box.body()
            return nil
        }, argument)
    #endif
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "the thread \(name) could not be started: error \(status)")
}

#if !canImport(Darwin)
/// Names the calling thread for debuggers and profilers, through the file system because Swift does not see the GNU call.
private func nameThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    // Linux keeps 15 bytes. A thread without a name is no less good, so a failure is let go.
    _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
}
#endif
