import ArgumentParser
import ColonyCore
import ColonyTransactions

struct SagaStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Have a daemon work on a saga or a TCC that a file of JSON defines.",
        discussion: """
            Example: colony saga start order.json --server http://127.0.0.1:7400 --wait 30s

            A definition has steps with the URLs of their actions and compensations, or branches of a TCC. With an "id" \
            of its own it can be started again without being there twice.

            Exit codes: 0 started, or completed within --wait; 1 compensated or stuck; 75 not ended within --wait, or the \
            daemon did not answer.
            """
    )

    @Argument(help: ArgumentHelp("The definition; - reads standard input.", valueName: "file"), completion: .file())
    var file: String

    @Option(
        help: .duration("Wait for the end, and no longer than this, such as 30s."),
        transform: { try DurationArgument($0) })
    var wait: DurationArgument?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    /// A definition is a payload with a frame of URLs around it.
    private static let definitionBytes = 2 * TransactionLimits.payloadBytes

    mutating func run() async throws {
        let place = try self.stores.place()
        guard let desk = try place.makeDaemonDesk() else {
            throw Failure(
                "invalid_request",
                "a daemon has to work on it, and \(place) is a store. Give --server, such as http://127.0.0.1:7400.",
                exitCode: .usage)
        }
        let definition = try self.definition()
        let started: StartedTransactionDocument
        do {
            started = try await desk.start(definition.kind, definition.bytes, waiting: definition.wait)
        } catch let error as TransactionError where error.code == .unavailable || error.code == .cancelled {
            // It may have begun: under its name it can be started again without being there twice.
            StandardError.write("It may have been started, as \(NameRules.quoted(definition.id)).")
            throw error
        }
        guard let wait else {
            return StandardOutput.write(
                self.output.json
                    ? try JSONText.of(started) : "Started \(NameRules.quoted(started.id)); it is \(started.state).")
        }
        let document = try await desk.end(of: try TransactionID(started.id), upTo: wait.value, on: HostClock())
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(document) : SagaPresentation.details(document, now: SystemWallClock().now))
        switch document.state {
        case "completed": return
        case "compensated", "stuck": throw ExitCode.failure
        default: throw ExitCode.tryAgainLater
        }
    }

    private struct Definition {
        var kind: TransactionKind
        var bytes: [UInt8]
        var id: String
        /// How long the daemon is asked to wait with its answer.
        var wait: Duration
    }

    private func definition() throws -> Definition {
        let path = self.file == "-" ? nil : self.file
        let bytes = try ByteSource.bytes(of: path, atMost: Self.definitionBytes + 1)
        let place = path.map { NameRules.quoted($0) } ?? "standard input"
        guard bytes.count <= Self.definitionBytes else {
            throw Failure(
                "too_large", "\(place) has more than \(Self.definitionBytes) bytes.", exitCode: .usage)
        }
        guard case .object(let members) = JSONValue(bytes: bytes) else {
            throw Failure(
                "invalid_request", "\(place) has no definition: an object of JSON is expected.", exitCode: .usage)
        }
        let kind: TransactionKind
        switch (members["steps"], members["branches"]) {
        case (_?, nil): kind = .saga
        case (nil, _?): kind = .tcc
        default:
            throw Failure(
                "invalid_request",
                "\(place) has to have \"steps\", which make a saga, or \"branches\", which make a TCC.",
                exitCode: .usage)
        }
        var wait = Duration.zero
        if case .integer(let milliseconds)? = members["wait_ms"] { wait = .milliseconds(milliseconds) }
        if case .string(let id)? = members["id"] { return Definition(kind: kind, bytes: bytes, id: id, wait: wait) }
        // Without a name of its own it could not be asked for again.
        let id = TransactionID.unique().rawValue
        var named = bytes
        if members["id"] == nil, let brace = bytes.firstIndex(of: UInt8(ascii: "{")) {
            named.insert(contentsOf: Array("\"id\":\"\(id)\",".utf8), at: brace + 1)
        }
        return Definition(kind: kind, bytes: named, id: id, wait: wait)
    }
}
