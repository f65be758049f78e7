import ColonyQueues

extension MemoryQueue {
    /// The messages after a number, in the order of publishing.
    func messages(after id: MessageID?, limit: Int) -> [QueuedMessage] {
        let found = self.entries.filter { entry in id.map { entry.key > $0 } ?? true }.sorted { $0.key < $1.key }
        return found.prefix(limit).map { id, entry in
            var message = entry.message
            message.availability = .now
            let standing: QueuedMessage.Standing =
                switch entry.standing {
                case .ready: .ready
                case .waiting: .waiting
                case .delayed, .scheduled, .resting: .delayed
                case .leased: .leased
                }
            return QueuedMessage(id: id, message: message, publishedAt: entry.publishedAt, standing: standing)
        }
    }
}
