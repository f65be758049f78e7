#if ZooKeeper
import ColonyCore
import Synchronization

/// Who waits for the change of which node: one watch at the ensemble for each node, however many tasks wait for it here.
///
/// A watch that nobody waits for any more is left standing, because nodes of locks end by themselves: there are never more
/// watches than nodes that are alive.
final class WatchBoard: Sendable {
    /// What a watch is set on.
    enum Subject: Hashable, Sendable {
        case data(String)
        case children(String)
    }

    private struct Entry {
        let watch: UInt
        var signals: [OneShotSignal]
    }

    private let entries = Mutex<[Subject: Entry]>([:])
    /// Held from the look for an entry until the request of a new one is submitted. A second task that found the entry before that
    /// would look before the watch is set, and sleep through a change in between. It is another lock than that of the entries,
    /// for a session that is over answers within the submission, which fires the subject; firing never takes this one.
    private let setting = Mutex(())

    /// A signal that is fired when the subject changes, ends, or is found not to exist, or when the session is over.
    ///
    /// It may fire without reason; the caller looks again. ``forget(_:_:)`` ends the wait.
    func signal(for subject: Subject, on session: ZooKeeperSession) -> OneShotSignal {
        let signal = OneShotSignal()
        self.watch(subject, signal, on: session)
        return signal
    }

    /// The same with a signal that may be that of other subjects, too.
    ///
    /// What is asked of the session after this call is answered as of a moment after the watch was set.
    func watch(_ subject: Subject, _ signal: OneShotSignal, on session: ZooKeeperSession) {
        self.setting.withLock { _ in self.enter(signal, subject, on: session) }
    }

    private func enter(_ signal: OneShotSignal, _ subject: Subject, on session: ZooKeeperSession) {
        let watch = self.entries.withLock { entries -> UInt? in
            if entries[subject] != nil {
                entries[subject]?.signals.append(signal)
                return nil
            }
            let watch = CallbackTable.enterWatch { [weak self] in self?.fire(subject) }
            entries[subject] = Entry(watch: watch, signals: [signal])
            return watch
        }
        guard let watch else { return }
        let request: ZooKeeperRequest =
            switch subject {
            case .data(let path): .data(path: path, watch: watch)
            case .children(let path): .children(path: path, watch: watch)
            }
        session.submit(request) { [weak self] reply in
            // The library sets a watch only with an answer that says it was done.
            if !reply.isDone { self?.fire(subject) }
        }
    }

    func forget(_ signal: OneShotSignal, _ subject: Subject) {
        self.entries.withLock { entries in entries[subject]?.signals.removeAll { $0 === signal } }
    }

    func fire(_ subject: Subject) {
        guard let entry = self.entries.withLock({ $0.removeValue(forKey: subject) }) else { return }
        CallbackTable.dropWatch(entry.watch)
        for signal in entry.signals { signal.fire() }
    }

    func fireAll() {
        let all = self.entries.withLock { Array($0.keys) }
        for subject in all { self.fire(subject) }
    }

    /// How many nodes are watched.
    var count: Int { self.entries.withLock(\.count) }
}
#endif
