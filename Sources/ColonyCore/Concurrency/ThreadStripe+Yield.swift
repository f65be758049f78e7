#if canImport(Darwin)
import func Darwin.sched_yield
#elseif canImport(Musl)
import func Musl.sched_yield
#else
import func Glibc.sched_yield
#endif

extension ThreadStripe {
    /// Lets other threads run, for who waits for one that the system has paused.
    package static func yield() { _ = sched_yield() }
}
