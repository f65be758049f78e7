import ColonyTransactions
import Foundation
import Testing

@testable import ColonyServer

/// The section `transactions` of the configuration.
struct TransactionConfigurationTests {
    private static let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private static func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> DaemonConfiguration {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "colony.yaml")
        try Data(yaml.utf8).write(to: file)
        return try DaemonConfiguration.load(file: file.path, environment: environment)
    }

    @Test func `ranges are a list in the file and words in a variable`() throws {
        let file = try Self.load("transactions:\n  allow: [10.0.0.0/8, \"fd00::/8\"]\n  lease: 3s\n  calls: 7\n")
        #expect(file.transactions.allow.map(\.description) == ["10.0.0.0/8", "fd00:0:0:0:0:0:0:0/8"])
        #expect(file.transactions.lease == .seconds(3))
        #expect(file.transactions.calls == 7)
        let variable = try Self.load("", ["COLONY_TRANSACTIONS_ALLOW": "10.0.0.1, 10.0.0.2"])
        #expect(variable.transactions.allow.count == 2)
        let error = #expect(throws: DaemonError.self) { try Self.load("transactions:\n  allow: [10.0.0.0/40]\n") }
        #expect(error?.message.contains("\"40\" is no length of a prefix: from 0 to 32") == true)
    }

    @Test func `a signing key is never shown, also not one that is wrong`() throws {
        let good = try Self.load("transactions:\n  signing_key: \(Self.key)\n")
        #expect(good.transactions.signingKeys.map(\.description) == ["whsec_…"])
        #expect(!"\(good)".contains("MfKQ9r8"))
        for environment in [
            ["COLONY_TRANSACTIONS_SIGNING_KEY": "whsec_c2VjcmV0"], ["COLONY_TRANSACTIONS_SIGNING_KEY": "sec ret!"],
        ] {
            let error = #expect(throws: DaemonError.self) { try Self.load("", environment) }
            let message = error?.message ?? ""
            #expect(message.contains("COLONY_TRANSACTIONS_SIGNING_KEY"))
            #expect(!message.contains("c2VjcmV0") && !message.contains("ret!"), "\(message)")
        }
    }

    @Test func `keys are read from a file, and a file without any is an error`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        let participant = try await TestParticipant.start()
        try Data("\(Self.key)\n\(Self.key)\n".utf8).write(to: file)
        try await withServer {
            $0.transactions.signingKeyFile = file.path
        } _: { server in
            _ = try await server.saga("s", participant.step("a"))
            #expect(participant.all.first?.headers["webhook-signature"]?.split(separator: " ").count == 2)
        }
        try Data("\n".utf8).write(to: file)
        let error = await #expect(throws: DaemonError.self) {
            try await withServer {
                $0.transactions.signingKeyFile = file.path
            } _: { _ in
            }
        }
        #expect(error?.message.contains("has no key in it") == true)
    }
}
