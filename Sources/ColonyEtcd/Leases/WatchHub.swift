#if Etcd
internal import ColonyCore
internal import FoundationEssentials
internal import Synchronization

/// Who waits for the end of which key, over one stream: one watch at the server for each key, however many wait for it.
///
/// Only deletions are watched, so that renewals wake nobody. A signal says "look again" and nothing more: it is fired also when
/// the stream has broken and nobody knows what was missed.
final class WatchHub: Sendable {
    /// One watch at the server.
    ///
    /// - Note: `@unchecked Sendable` because its mutable parts are used only under the lock of `state` of the hub.
    private final class Watch: @unchecked Sendable {
        let key: Data
        let revision: Int64
        var opening = 0
        var id: Int64?
        var signals: [ObjectIdentifier: OneShotSignal] = [:]

        init(_ key: Data, _ revision: Int64) {
            self.key = key
            self.revision = revision
        }
    }

    private struct State {
        var byKey: [Data: [Watch]] = [:]
        var byID: [Int64: Watch] = [:]
        /// Asked for and not answered yet; the server answers in the order of the questions.
        var creating: [Watch] = []
        var stream: EtcdStream<WireWatchRequest, WireWatchResponse>?
    }

    private let state = Mutex(State())

    init(_ client: EtcdClient) {
        let stream = EtcdStream(
            client, .watch,
            onAnswer: { [weak self] answer, opening in self?.take(answer, opening) },
            onEnd: { [weak self] opening in self?.ended(opening) })
        self.state.withLock { $0.stream = stream }
    }

    /// Has `signal` fired when `key` is deleted after `revision`, or when that can no longer be told.
    ///
    /// - Parameter end: Where given, all keys from `key` to before it.
    func watch(_ key: Data, to end: Data = Data(), after revision: Int64, _ signal: OneShotSignal) {
        let isClosed = self.state.withLock { state -> Bool in
            // A watch that began later than this look at the key may have missed what the look did not see.
            if let present = state.byKey[key]?.first(where: { $0.revision <= revision }) {
                present.signals[ObjectIdentifier(signal)] = signal
                return false
            }
            let watch = Watch(key, revision)
            watch.signals[ObjectIdentifier(signal)] = signal
            var request = WireWatchRequest()
            request.createRequest.key = key
            request.createRequest.rangeEnd = end
            request.createRequest.startRevision = revision + 1
            request.createRequest.filters = [.noput]
            guard let opening = state.stream?.send(request) else { return true }
            watch.opening = opening
            state.creating.append(watch)
            state.byKey[key, default: []].append(watch)
            return false
        }
        if isClosed { signal.fire() }
    }

    /// Takes a signal back; the last one takes the watch with it.
    func leave(_ key: Data, _ signal: OneShotSignal) {
        self.state.withLock { state in
            guard let watch = state.byKey[key]?.first(where: { $0.signals[ObjectIdentifier(signal)] != nil }) else {
                return
            }
            watch.signals[ObjectIdentifier(signal)] = nil
            // One that is not answered yet is taken back when its number is known.
            if watch.signals.isEmpty, let id = watch.id { Self.cancel(watch, id, &state) }
        }
    }

    func close() {
        let stream = self.state.withLock { $0.stream }
        stream?.close()
    }

    /// How many watches there are at the server.
    var count: Int { self.state.withLock { $0.byKey.values.reduce(0) { $0 + $1.count } } }

    private static func forget(_ watch: Watch, _ state: inout State) {
        if let id = watch.id { state.byID[id] = nil }
        state.byKey[watch.key]?.removeAll { $0 === watch }
        if state.byKey[watch.key]?.isEmpty == true { state.byKey[watch.key] = nil }
    }

    private static func cancel(_ watch: Watch, _ id: Int64, _ state: inout State) {
        Self.forget(watch, &state)
        var request = WireWatchRequest()
        request.cancelRequest.watchID = id
        state.stream?.send(request, on: watch.opening)
    }

    private func take(_ answer: WireWatchResponse, _ opening: Int) {
        let signals = self.state.withLock { state -> [OneShotSignal] in
            if answer.created {
                guard let watch = state.creating.first, watch.opening == opening else { return [] }
                state.creating.removeFirst()
                watch.id = answer.watchID
                if answer.canceled {
                    Self.forget(watch, &state)
                    return Array(watch.signals.values)
                }
                state.byID[answer.watchID] = watch
                if watch.signals.isEmpty { Self.cancel(watch, answer.watchID, &state) }
                return []
            }
            guard let watch = state.byID[answer.watchID], watch.opening == opening else { return [] }
            if answer.canceled {
                Self.forget(watch, &state)
                return Array(watch.signals.values)
            }
            guard answer.events.contains(where: { $0.type == .delete }) else { return [] }
            Self.cancel(watch, answer.watchID, &state)
            return Array(watch.signals.values)
        }
        for signal in signals { signal.fire() }
    }

    private func ended(_ opening: Int) {
        let signals = self.state.withLock { state -> [OneShotSignal] in
            let lost = state.byKey.values.flatMap { $0 }.filter { $0.opening == opening }
            state.creating.removeAll { $0.opening == opening }
            for watch in lost { Self.forget(watch, &state) }
            return lost.flatMap { $0.signals.values }
        }
        for signal in signals { signal.fire() }
    }
}
#endif
