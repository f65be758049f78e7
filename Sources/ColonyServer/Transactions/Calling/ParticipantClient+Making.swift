import ColonyCore
import ColonyResilience
import ColonyTransactions
import Foundation
import NIOSSL

extension ParticipantClient {
    /// A client as the configuration wants it.
    ///
    /// - Throws: ``DaemonError`` with code `invalidConfiguration` or `invalidCertificate`, which names the file and quotes no key.
    convenience init(
        _ settings: DaemonConfiguration.Transactions, rules: AddressRules, clock: any MonotonicClock,
        wallClock: any WallClock
    ) throws(DaemonError) {
        let gate: BulkheadOptions
        do {
            // The line is as long as can be in flight; a call waits within its own time.
            gate = try BulkheadOptions(
                limit: settings.calls, maximumWaiting: settings.inFlight * TransactionLimits.steps,
                maximumWait: .seconds(86_400))
        } catch {
            throw DaemonError(.invalidConfiguration, error.message, cause: error)
        }
        self.init(
            rules: rules, keys: try Self.keys(settings), tls: try Self.tls(settings),
            gate: Bulkhead(gate, name: "participants", clock: clock), clock: clock, wallClock: wallClock)
    }

    private static func keys(_ settings: DaemonConfiguration.Transactions) throws(DaemonError) -> [SigningKey] {
        guard let path = settings.signingKeyFile else { return settings.signingKeys }
        guard settings.signingKeys.isEmpty else {
            throw DaemonError(
                .invalidConfiguration,
                "transactions.signing_key and transactions.signing_key_file are both set; one of them")
        }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw DaemonError(
                .invalidConfiguration,
                "transactions.signing_key_file \(NameRules.quoted(path)) cannot be read: \(error.localizedDescription)")
        }
        do {
            let keys = try SigningKey.all(in: text.split(whereSeparator: \.isWhitespace))
            if !keys.isEmpty { return keys }
        } catch {
            throw DaemonError(
                .invalidConfiguration, "transactions.signing_key_file \(NameRules.quoted(path)): \(error.message)")
        }
        throw DaemonError(
            .invalidConfiguration, "transactions.signing_key_file \(NameRules.quoted(path)) has no key in it")
    }

    private static func tls(_ settings: DaemonConfiguration.Transactions) throws(DaemonError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let file = settings.certificateFile { configuration.additionalTrustRoots = [.file(file)] }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            let file = settings.certificateFile ?? "of the system"
            throw DaemonError(
                .invalidCertificate, "the certificates \(NameRules.quoted(file)) cannot be used: \(error)", cause: error
            )
        }
    }
}
