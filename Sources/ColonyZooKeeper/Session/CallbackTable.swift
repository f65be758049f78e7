#if ZooKeeper
import Synchronization

/// Memory that the library writes an answer to.
protocol CallbackMemory: Sendable {
    /// What was written about a node, once the answer has come.
    var stat: NodeStat? { get }
}

/// Who waits for which callback of the C library.
///
/// The library is given numbers in place of addresses. A number is looked up and struck off when its callback comes, so each
/// context is freed exactly once, and a callback that comes late, twice, or after the engine is gone finds nothing.
/// Callbacks come on threads of the library; what is called from here hands over and returns.
enum CallbackTable {
    private struct Call {
        let handler: @Sendable (ZooKeeperReply) -> Void
        /// Memory that the library writes to before it calls back.
        var kept: (any CallbackMemory)?
    }

    private static let numbers = Atomic<UInt>(0)
    private static let calls = Mutex<[UInt: Call]>([:])
    private static let watches = Mutex<[UInt: @Sendable () -> Void]>([:])
    private static let sessions = Mutex<[UInt: WeakSession]>([:])

    private struct WeakSession {
        weak var session: ZooKeeperSession?
    }

    private static func number() -> UInt { self.numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    // MARK: Calls

    static func enter(_ handler: @escaping @Sendable (ZooKeeperReply) -> Void) -> UInt {
        let number = self.number()
        self.calls.withLock { $0[number] = Call(handler: handler) }
        return number
    }

    static func keep(_ memory: any CallbackMemory, for ticket: UInt) {
        self.calls.withLock { $0[ticket]?.kept = memory }
    }

    static func answered(_ ticket: UnsafeRawPointer?, _ reply: ZooKeeperReply) {
        self.answered(UInt(bitPattern: ticket), reply)
    }

    static func answered(_ ticket: UInt, _ reply: ZooKeeperReply) {
        guard let call = self.calls.withLock({ $0.removeValue(forKey: ticket) }) else { return }
        var reply = reply
        if reply.isDone, let stat = call.kept?.stat { reply.stat = stat }
        call.handler(reply)
    }

    // MARK: Watches

    static func enterWatch(_ handler: @escaping @Sendable () -> Void) -> UInt {
        let number = self.number()
        self.watches.withLock { $0[number] = handler }
        return number
    }

    static func dropWatch(_ watch: UInt) {
        _ = self.watches.withLock { $0.removeValue(forKey: watch) }
    }

    static func changed(_ watch: UnsafeRawPointer?) {
        let handler = self.watches.withLock { $0.removeValue(forKey: UInt(bitPattern: watch)) }
        handler?()
    }

    // MARK: Sessions

    static func enter(_ session: ZooKeeperSession) -> UInt {
        let number = self.number()
        self.sessions.withLock { $0[number] = WeakSession(session: session) }
        return number
    }

    static func dropSession(_ number: UInt) {
        _ = self.sessions.withLock { $0.removeValue(forKey: number) }
    }

    static func session(_ context: UnsafeRawPointer?) -> ZooKeeperSession? {
        self.sessions.withLock { $0[UInt(bitPattern: context)]?.session }
    }

    // MARK: Testing

    /// How many callbacks are still to come.
    static var outstanding: Int {
        self.calls.withLock(\.count) + self.watches.withLock(\.count) + self.sessions.withLock(\.count)
    }
}
#endif
