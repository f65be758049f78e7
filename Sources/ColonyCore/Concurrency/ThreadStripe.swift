#if canImport(Glibc)
public import func Glibc.pthread_self
#elseif canImport(Musl)
public import func Musl.pthread_self
#elseif canImport(Darwin)
public import func Darwin.pthread_self
#endif

/// A small number of the calling thread, for counters that threads keep apart so that they do not wait for one cache line.
///
/// Two threads may have the same number: it only says where to count, never who counts.
@usableFromInline
package enum ThreadStripe {
    /// How many numbers there are: more than threads that usually run at once, so that two rarely share one.
    @inlinable package static var count: Int { 64 }

    /// The number of the calling thread, from 0.
    @inlinable package static var current: Int {
        #if canImport(Darwin)
        let thread = UInt(bitPattern: pthread_self())
        #else
        let thread = UInt(pthread_self())
        #endif
        // Threads differ in the middle bits of the address of their block; the multiplication brings those to the top.
        return Int(truncatingIfNeeded: (thread &* 0x9E37_79B9_7F4A_7C15) >> 58)
    }
}
