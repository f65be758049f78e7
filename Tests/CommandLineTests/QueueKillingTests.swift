import ColonyCore
import ColonyQueues
import ColonyRemote
import Foundation
import Synchronization
import Testing

/// What publishers were told and what handlers did.
private final class RemoteJournal: Sendable {
    struct Run {
        let id: MessageID
        let attempt: Int
        let key: String
        let number: Int
        var hasReturned = false
    }

    private struct State {
        var confirmed: [MessageID: String] = [:]
        var runs: [Run] = []
        var left: Int
    }

    private let state: Mutex<State>

    init(publishers: Int) {
        self.state = Mutex(State(left: publishers))
    }

    var confirmed: [MessageID: String] { self.state.withLock { $0.confirmed } }
    var runs: [Run] { self.state.withLock { $0.runs } }
    var publishersLeft: Int { self.state.withLock { $0.left } }

    func confirm(_ id: MessageID, _ name: String) {
        self.state.withLock { $0.confirmed[id] = name }
    }

    func publisherIsDone() { self.state.withLock { $0.left -= 1 } }

    func begin(_ message: ReceivedMessage<Int>) -> Int {
        self.state.withLock { state in
            state.runs.append(
                Run(id: message.id, attempt: message.attempt, key: message.key ?? "", number: message.payload))
            return state.runs.count - 1
        }
    }

    func end(_ run: Int) { self.state.withLock { $0.runs[run].hasReturned = true } }
}

/// A daemon that is killed while others publish and consume through it.
@Suite(.serialized) struct QueueKillingTests {
    private static let queue: QueueName = "work"

    @Test(.timeLimit(.minutes(3)))
    func `through a daemon that is killed again and again every confirmed message is accounted for`() async throws {
        try await Scene.run { scene in
            let (publishers, each) = (3, 400)
            let journal = RemoteJournal(publishers: publishers)
            var settings = QueueSettings()
            settings.lease = .seconds(1)
            settings.deliveryLimit = 1_000
            settings.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
            let declared = settings
            let port = try await scene.whileServing { daemon in
                let engine = try RemoteQueueEngine(url: EngineURL(daemon.url))
                try await engine.declare(Self.queue, declared)
                return daemon.port
            }
            let url = try EngineURL("http://127.0.0.1:\(port)")
            var consumers: [Task<Void, any Error>] = []
            for _ in 0..<2 {
                let queue = MessageQueue<Int>(Self.queue, on: try RemoteQueueEngine(url: url), settings: declared)
                consumers.append(
                    Task {
                        // The daemon may be down when it begins.
                        while (try? await queue.declare()) == nil {
                            try await HostClock().sleep(for: .milliseconds(20))
                        }
                        try await queue.consume(concurrency: 4) { message in
                            let run = journal.begin(message)
                            try await HostClock().sleep(for: .milliseconds(2))
                            // Before it is acknowledged, so that no message is done without it.
                            journal.end(run)
                        }
                    })
            }
            let publishing = Task {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for publisher in 0..<publishers {
                        group.addTask { try await Self.publish(each, as: "p\(publisher)", to: url, journal) }
                    }
                    try await group.waitForAll()
                }
            }
            var kills = 0
            while journal.publishersLeft > 0, kills < 40 {
                try await scene.whileServing(port: port) { daemon in
                    try await HostClock().sleep(for: .milliseconds(Int64.random(in: 300...900)))
                    daemon.child.send(SIGKILL)
                }
                kills += 1
            }
            let record = try await scene.whileServing(port: port) { _ -> QueueRecord? in
                try await publishing.value
                let engine = try RemoteQueueEngine(url: url)
                try await eventually("the queue is empty") {
                    try await engine.inspect(Self.queue)?.statistics.count == 0
                }
                for consumer in consumers { consumer.cancel() }
                for consumer in consumers { _ = await consumer.result }
                return try await engine.inspect(Self.queue)
            }
            #expect(kills >= 3)
            try Self.judge(journal, #require(record), publishers * each)
            print("daemon killed \(kills) times: \(journal.runs.count) handlers for \(publishers * each) messages")
        }
    }

    private static func publish(
        _ count: Int, as name: String, to url: EngineURL, _ journal: RemoteJournal
    ) async throws {
        let engine = try RemoteQueueEngine(url: url)
        for number in 0..<count {
            let message = OutgoingMessage(
                Array("\(number)".utf8), key: "\(name)-\(number % 4)", deduplicationID: "\(name)/\(number)")
            while true {
                do throws(QueueError) {
                    switch try await engine.publish([message], to: Self.queue).first {
                    case .stored(let id), .duplicate(let id): journal.confirm(id, "\(name)/\(number)")
                    case .full, nil: Issue.record("there is no room")
                    }
                    break
                } catch {
                    // Whether it is stored is unknown, so the same identifier again.
                    guard error.code == .unavailable else { throw error }
                    try await HostClock().sleep(for: .milliseconds(20))
                }
            }
            // So that there is something to kill for a while.
            try await HostClock().sleep(for: .milliseconds(4))
        }
        journal.publisherIsDone()
    }

    private static func judge(_ journal: RemoteJournal, _ record: QueueRecord, _ count: Int) throws {
        let (confirmed, runs) = (journal.confirmed, journal.runs)
        #expect(confirmed.count == count && Set(confirmed.values).count == count, "a message was stored twice")
        let byMessage = Dictionary(grouping: runs, by: \.id)
        #expect(Set(confirmed.keys) == Set(byMessage.keys), "what was confirmed is not what was delivered")
        for (id, runs) in byMessage {
            let attempts = runs.map(\.attempt)
            #expect(attempts == Array(Set(attempts)).sorted(), "message \(id) has the attempts \(attempts)")
            #expect(runs.last?.hasReturned == true, "message \(id) is done, and its last delivery was not")
        }
        for (key, runs) in Dictionary(grouping: runs, by: \.key) {
            var seen: Set<Int> = []
            let first = runs.map(\.number).filter { seen.insert($0).inserted }
            #expect(first == first.sorted(), "the key \(key) is out of order")
        }
        #expect(record.totals.published == count && record.totals.acknowledged == count)
        #expect(record.totals.delivered >= runs.count)
    }
}
