public import Synchronization

#if COLONY_SANITIZE
import Glibc
#endif

#if !COLONY_SANITIZE
/// The lock that the writers of a cache take.
@usableFromInline
typealias WriterLock<State> = Mutex<State>
#else
/// The same over a lock of POSIX, for `dev/sanitize`: the thread sanitizer knows those and does not know `Mutex`, which on
/// Linux is made of bare system calls, so that everything a `Mutex` protects would look like a race to it.
//
// `@unchecked Sendable`, because the state is used under the lock only.
@usableFromInline
final class WriterLock<State>: @unchecked Sendable {
    private let handle = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var state: State

    @usableFromInline
    init(_ state: consuming State) {
        pthread_mutex_init(self.handle, nil)
        self.state = state
    }

    deinit {
        pthread_mutex_destroy(self.handle)
        self.handle.deallocate()
    }

    @usableFromInline
    func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(self.handle)
        defer { pthread_mutex_unlock(self.handle) }
        return try body(&self.state)
    }

    @usableFromInline
    func withLockIfAvailable<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard pthread_mutex_trylock(self.handle) == 0 else { return nil }
        defer { pthread_mutex_unlock(self.handle) }
        return try body(&self.state)
    }
}
#endif
