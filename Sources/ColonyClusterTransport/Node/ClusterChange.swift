public import ColonyCluster
import ColonyCore
import Synchronization

/// What somebody who follows a ``ClusterNode`` hears.
public enum ClusterChange: Hashable, Sendable {
    /// Something has happened.
    case happened(MembershipEvent)
    /// So many events were dropped here, because the listener did not keep up. Look at ``ClusterNode/members``, and go on from there.
    case missed(Int)
}

/// Passes what happens to all that listen, each of which has room for so much.
///
/// Unlike `ListenerHub` it tells how much was dropped: whoever keeps a list of members by what happens would never notice otherwise that it is wrong.
final class ChangeFeed: Sendable {
    private final class Mailbox: Sendable {
        private struct Contents {
            var events: [MembershipEvent] = []
            /// Where the oldest is.
            var first = 0
            var missed = 0
            var hasEnded = false
            var waiting: [OneShotSignal] = []

            var count: Int { self.events.count - self.first }
        }

        private let capacity: Int
        private let contents = Mutex(Contents())

        init(capacity: Int) {
            self.capacity = capacity
        }

        func put(_ event: MembershipEvent) {
            let waiting = self.contents.withLock { contents in
                contents.events.append(event)
                if contents.count > self.capacity {
                    contents.first += 1
                    contents.missed += 1
                }
                if contents.first > self.capacity {
                    contents.events.removeFirst(contents.first)
                    contents.first = 0
                }
                defer { contents.waiting = [] }
                return contents.waiting
            }
            for signal in waiting { signal.fire() }
        }

        func end() {
            let waiting = self.contents.withLock { contents in
                contents.hasEnded = true
                defer { contents.waiting = [] }
                return contents.waiting
            }
            for signal in waiting { signal.fire() }
        }

        /// The next change; `nil` after the last one, and if the task is cancelled.
        func next() async -> ClusterChange? {
            enum Found { case change(ClusterChange), end, nothing(OneShotSignal) }
            while true {
                let found = self.contents.withLock { contents -> Found in
                    if contents.missed > 0 {
                        defer { contents.missed = 0 }
                        return .change(.missed(contents.missed))
                    }
                    if contents.count > 0 {
                        defer { contents.first += 1 }
                        return .change(.happened(contents.events[contents.first]))
                    }
                    if contents.hasEnded { return .end }
                    let signal = OneShotSignal()
                    contents.waiting.append(signal)
                    return .nothing(signal)
                }
                switch found {
                case .change(let change): return change
                case .end: return nil
                case .nothing(let signal): if (try? await signal.wait()) == nil { return nil }
                }
            }
        }
    }

    private struct Listener {
        weak var mailbox: Mailbox?
    }

    private struct State {
        var listeners: [Listener] = []
        var hasEnded = false
    }

    private let state = Mutex(State())

    func listen(keepingNewest capacity: Int) -> AsyncStream<ClusterChange> {
        let mailbox = Mailbox(capacity: max(1, capacity))
        let hasEnded = self.state.withLock { state in
            // Whoever has let go of a stream has let go of its mailbox.
            state.listeners.removeAll { $0.mailbox == nil }
            if !state.hasEnded { state.listeners.append(Listener(mailbox: mailbox)) }
            return state.hasEnded
        }
        if hasEnded { mailbox.end() }
        return AsyncStream { await mailbox.next() }
    }

    /// Tells all. Whoever has an order of events calls it under its own lock.
    func send(_ event: MembershipEvent) {
        for listener in self.state.withLock({ $0.listeners }) { listener.mailbox?.put(event) }
    }

    /// Nothing happens any more.
    func end() {
        let listeners = self.state.withLock { state in
            state.hasEnded = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { listener.mailbox?.end() }
    }
}
