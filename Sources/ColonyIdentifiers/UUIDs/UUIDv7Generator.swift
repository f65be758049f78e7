public import ColonyCore
import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Issues UUIDs of version 7 that rise strictly within the process.
///
/// A UUID that only begins with the milliseconds is not sorted: those of one millisecond are in any order, and a clock
/// that steps back mixes them up. RFC 9562, section 6.2, names the cures, and this is its *method 1*, a dedicated counter
/// of fixed length, with its *counter roll-over* rule and the *rollback* advice of the same section:
///
/// ```text
/// 48 bits  milliseconds since 1970
///  4 bits  version 7
/// 12 bits  rand_a   the counter's upper bits
///  2 bits  variant
///  8 bits  rand_b   the counter's lower bits
/// 54 bits  rand_b   chance, drawn anew for each
/// ```
///
/// Time and counter are one atomic word. A clock that is ahead of it begins a new millisecond, with a counter drawn from
/// the lower half of its range; otherwise the counter goes up by one, whatever the clock shows. So 524,288 or more fit
/// into a millisecond, and the one after the last begins the next millisecond ahead of the clock.
///
/// Two processes draw 19 bits of counter and 54 bits of chance independently, in each millisecond.
public final class UUIDv7Generator: Sendable {
    /// The one behind `UUID.v7()`.
    public static let shared = UUIDv7Generator()

    private static let counterBits: UInt64 = 20
    private static let counterMask: UInt64 = (1 << counterBits) - 1
    private static let largestTime = UInt64.max >> counterBits

    /// Milliseconds since 1970 above, the counter below.
    private let state = Atomic<UInt64>(0)
    private let wallClock: any WallClock
    /// The clock of the host is called directly, because a call through the protocol costs as much as the rest.
    private let readsHost: Bool

    /// Makes a generator that reads the time of `wallClock`.
    ///
    /// It is good for times from 1970 to the year 2527; earlier and later ones count as the first and the last of these.
    public init(wallClock: any WallClock = SystemWallClock()) {
        self.wallClock = wallClock
        self.readsHost = wallClock is SystemWallClock
    }

    /// The next UUID: greater than all that this generator has issued, in every thread.
    ///
    /// - Complexity: One reading of the clock and one compare-and-swap; no lock, nothing allocated.
    public func next() -> UUID {
        let random = SecureRandom.ofThisThread
        let bits = random.pointee.next()
        let word = self.advance()
        let time = word >> Self.counterBits
        let counter = word & Self.counterMask
        return UUID(
            high: time << 16 | 0x7000 | counter >> 8,
            low: 0b10 << 62 | (counter & 0xFF) << 54 | bits >> 10)
    }

    /// The next time and counter.
    private func advance() -> UInt64 {
        let now = (self.readsHost ? SystemWallClock().now : self.wallClock.now).millisecondsSince1970
        let time = now < 0 ? 0 : min(UInt64(now), Self.largestTime)
        var word = self.state.load(ordering: .relaxed)
        while true {
            let next: UInt64
            if time > word >> Self.counterBits {
                next = time << Self.counterBits | SecureRandom.ofThisThread.pointee.next() & Self.counterMask >> 1
            } else {
                // Beyond the last counter the carry begins the next millisecond.
                next = word + 1
            }
            let (exchanged, original) = self.state.weakCompareExchange(
                expected: word, desired: next, ordering: .acquiringAndReleasing)
            if exchanged { return next }
            word = original
        }
    }
}
