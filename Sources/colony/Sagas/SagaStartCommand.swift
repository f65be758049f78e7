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
        let (kind, definition) = try self.definition()
        let started = try await desk.start(kind, definition)
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

    private func definition() throws -> (TransactionKind, [UInt8]) {
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
        switch (members["steps"], members["branches"]) {
        case (_?, nil): return (.saga, bytes)
        case (nil, _?): return (.tcc, bytes)
        default:
            throw Failure(
                "invalid_request",
                "\(place) has to have \"steps\", which make a saga, or \"branches\", which make a TCC.",
                exitCode: .usage)
        }
    }
}
