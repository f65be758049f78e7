import ColonyCaches
import ColonyClocks
import ColonyQuorum
import Synchronization

/// What clients asked of registers and when, and whether some order of writes and reads explains the answers.
///
/// Each write has a value of its own. The stamps of the store give the order that it claims; what is checked is that this
/// order agrees with real time and with the values, which is what linearizability demands of a register: the order by stamp,
/// reads behind the write that they return, is then a sequential history in which each call took effect between its
/// beginning and its end. A write that ended without an acknowledgement may take effect at any time, or never.
final class RegisterHistory: Sendable {
    struct Call: Sendable {
        enum Kind: Sendable { case write(String?), read(String?) }
        let key: CacheKey
        let client: String
        let kind: Kind
        let stamp: WriteStamp?
        let began: Int
        let ended: Int
    }

    private struct State {
        var time = 0
        var calls: [Call] = []
        /// When each value was begun to be written; values that were not acknowledged are among them.
        var begun: [String: Int] = [:]
    }

    private let state = Mutex(State())

    func now() -> Int {
        self.state.withLock { state in
            state.time += 1
            return state.time
        }
    }

    func beginWrite(_ value: String) -> Int {
        let time = self.now()
        self.state.withLock { $0.begun[value] = time }
        return time
    }

    func end(_ kind: Call.Kind, of key: CacheKey, by client: String, stamp: WriteStamp?, began: Int) {
        let ended = self.now()
        self.state.withLock {
            $0.calls.append(Call(key: key, client: client, kind: kind, stamp: stamp, began: began, ended: ended))
        }
    }

    var count: Int { self.state.withLock { $0.calls.count } }

    /// What contradicts, as sentences; none if nothing does.
    var contradictions: [String] {
        let (calls, begun) = self.state.withLock { ($0.calls, $0.begun) }
        var result: [String] = []
        var written: [WriteStamp: String] = [:]
        for call in calls {
            if case .write(let value?) = call.kind, let stamp = call.stamp { written[stamp] = value }
        }
        for call in calls {
            guard case .read(let value) = call.kind else { continue }
            if let value {
                guard let start = begun[value] else {
                    result.append("\(call.client) read \(value), which nobody wrote")
                    continue
                }
                if start > call.ended { result.append("\(call.client) read \(value) before it was written") }
            }
            if let stamp = call.stamp, let there = written[stamp], there != value {
                result.append("\(call.client) read \(value ?? "nothing") with the stamp of \(there)")
            }
        }
        for first in calls {
            for second in calls where first.key == second.key && first.ended < second.began {
                switch (first.stamp, second.stamp) {
                case (nil, _): continue
                case (let earlier?, nil):
                    result.append("\(second.client) found nothing of \(first.key) after \(first.client) had \(earlier)")
                case (let earlier?, let later?):
                    if case .write = second.kind, later > earlier { continue }
                    if case .read = second.kind, later >= earlier { continue }
                    result.append(
                        "\(second.client) had \(later) of \(first.key) after \(first.client) had had \(earlier)")
                }
            }
        }
        return result
    }
}
