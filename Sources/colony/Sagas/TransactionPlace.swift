import ArgumentParser
import ColonyCore
import ColonyRemote
import ColonyTransactions

extension StorePlace {
    /// The transactions at this place. Nothing is opened yet, but the data directory is made.
    func makeTransactionDesk() throws -> any TransactionDesk {
        if let daemon = try self.makeDaemonDesk() { return daemon }
        if let journal = try self.makeJournal() { return JournalDesk(journal: journal) }
        guard case .url(let url) = self, let entry = EngineCatalogue.entry(url.scheme) else {
            throw Failure("invalid_request", "\(self) keeps no transactions.", exitCode: .usage)
        }
        throw Failure("invalid_request", "\(url) keeps \(entry.keeps), and no transactions.", exitCode: .usage)
    }

    /// The transactions of a daemon; `nil` if this is another kind of place.
    func makeDaemonDesk() throws -> DaemonDesk? {
        guard case .url(let url) = self, ["http", "https"].contains(url.scheme) else { return nil }
        return DaemonDesk(daemon: try RemoteTransactions(url: url, token: Environment["COLONY_TOKEN"]))
    }
}

extension StoreOptions {
    /// The transactions at the place that the options, or else the environment, name.
    func transactions() throws -> any TransactionDesk { try self.place().makeTransactionDesk() }
}

extension ExitCode {
    /// What a failure of a transaction means to a script.
    init(_ error: TransactionError) {
        switch error.code {
        case .invalidDefinition, .invalidRequest, .tooLarge: self = .usage
        case .overloaded, .unavailable, .timedOut: self = .tryAgainLater
        default: self = .failure
        }
    }
}
