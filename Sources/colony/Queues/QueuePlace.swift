import ArgumentParser
import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyRemote
import ColonySQLite

extension StorePlace {
    /// The queues at this place. Of a store nothing is opened yet, but the data directory is made; a daemon is asked what its queues
    /// are worth.
    func makeQueueEngine() async throws -> any QueueAdministration {
        switch self {
        case .file(let directory):
            try directory.create()
            return SQLiteQueueEngine(path: directory.store)
        case .url(let url) where url.scheme == "sqlite":
            return SQLiteQueueEngine(path: url.path)
        case .url(let url) where url.scheme == "memory":
            return MemoryQueueEngine()
        case .url(let url):
            if let entry = EngineCatalogue.entry(url.scheme) {
                throw Failure("invalid_request", "\(url) keeps \(entry.keeps), and no queues.", exitCode: .usage)
            }
            return try await RemoteQueueEngine.connect(to: url, token: Environment["COLONY_TOKEN"])
        }
    }
}

extension StoreOptions {
    /// The queues at the place that the options, or else the environment, name.
    func queues() async throws -> any QueueAdministration { try await self.place().makeQueueEngine() }
}

extension QueueAdministration {
    /// How a queue stands.
    ///
    /// - Throws: ``Failure`` if there is none.
    func existing(_ queue: QueueName) async throws -> QueueRecord {
        guard let record = try await self.inspect(queue) else { throw Failure.noQueue(queue) }
        return record
    }

    /// The settings of a queue. One that is not there is made with those that queues have, and a person is told.
    func settings(makingIfAbsent queue: QueueName, isJSON: Bool) async throws -> QueueSettings {
        if let record = try await self.inspect(queue) { return record.settings }
        if try await self.declare(queue, QueueSettings()) {
            if !isJSON { StandardError.write("colony: the queue \(NameRules.quoted(queue.rawValue)) is new.") }
        }
        return QueueSettings()
    }
}

extension Failure {
    static func noQueue(_ queue: QueueName) -> Failure {
        Failure("unknown_queue", "there is no queue \(NameRules.quoted(queue.rawValue)).")
    }
}

extension ExitCode {
    /// What a failure of a queue means to a script.
    init(_ error: QueueError) {
        switch error.code {
        case .invalidConfiguration, .invalidRequest: self = .usage
        case .full, .unavailable: self = .tryAgainLater
        default: self = .failure
        }
    }
}
