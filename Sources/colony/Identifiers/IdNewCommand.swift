import ArgumentParser
import ColonyCore
import ColonyIdentifiers

struct IdNewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make identifiers, one a line.",
        discussion: """
            Example: colony id new --kind snowflake --count 3 --format crockford32

            A snowflake takes a free worker number from the store for as long as the call lasts, and a segment takes the \
            next numbers of --tag. A UUID or a ULID needs no store. Which kind suits what: colony explain ids

            Exits with 75 if no worker number is free or the clock stands behind; the same call may do well later.
            """
    )

    @Option(
        help: ArgumentHelp(
            "snowflake, uuid7, uuid4, ulid, or segment.", valueName: "kind"),
        completion: .list(IdentifierKind.allCases.map(\.rawValue)), transform: { try KindArgument($0) })
    var kind = KindArgument(.snowflake)

    @Option(help: ArgumentHelp("How many, from 1 to 1,000,000,000.", valueName: "number"))
    var count: Int64 = 1

    @Option(
        help: ArgumentHelp("The series that the numbers of a segment belong to.", valueName: "name"),
        transform: { try SegmentTag($0) })
    var tag: SegmentTag?

    @Option(
        help: ArgumentHelp(
            "The layout of a snowflake: \(LayoutArgument.names.joined(separator: ", ")). (default: classic)",
            valueName: "preset"),
        completion: .list(LayoutArgument.names), transform: { try LayoutArgument($0) })
    var layout: LayoutArgument?

    @Option(help: ArgumentHelp("The datacenter number of a snowflake. (default: 0)", valueName: "number"))
    var datacenter: Int?

    @Option(
        help: ArgumentHelp(
            "A worker number that belongs to this caller. (default: one that nobody holds, leased from the store)",
            valueName: "number"))
    var worker: Int?

    @Option(
        help: ArgumentHelp(
            "Snowflakes of one namespace are unique, and have one layout. (default: colony)", valueName: "name"))
    var namespace: String?

    @Option(
        help: ArgumentHelp(
            "How a snowflake is written: decimal, crockford32, base62. (default: decimal)", valueName: "format"),
        completion: .list(IdentifierFormat.allCases.map(\.rawValue)), transform: { try IdentifierFormat.named($0) })
    var format: IdentifierFormat?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard SegmentLimits.count.contains(self.count) else {
            throw ValidationError("--count \(self.count) is not possible: from 1 to 1,000,000,000.")
        }
        let kind = self.kind.value
        switch (kind, self.tag) {
        case (.segment, nil):
            throw ValidationError("A segment needs --tag NAME, the series that its numbers belong to.")
        case (.segment, _?), (_, nil): break
        case (_, let tag?):
            throw ValidationError("--tag \(tag) is for a segment; a \(kind.rawValue) belongs to no series.")
        }
        let ofSnowflakes: [(name: String, isGiven: Bool)] = [
            ("--layout", self.layout != nil), ("--datacenter", self.datacenter != nil),
            ("--worker", self.worker != nil), ("--namespace", self.namespace != nil), ("--format", self.format != nil),
        ]
        if kind != .snowflake, let option = ofSnowflakes.first(where: \.isGiven) {
            throw ValidationError("\(option.name) is for a snowflake; a \(kind.rawValue) has none.")
        }
        let layout = self.layout ?? .classic
        try Self.check(self.datacenter, in: layout.value.datacenters, "--datacenter", layout)
        try Self.check(self.worker, in: layout.value.workers, "--worker", layout)
    }

    private static func check(
        _ number: Int?, in range: ClosedRange<Int>, _ option: String, _ layout: LayoutArgument
    ) throws {
        guard let number, !range.contains(number) else { return }
        throw ValidationError(
            "\(option) \(number) is not possible: the layout \(layout) has \(range.lowerBound) to \(range.upperBound).")
    }

    mutating func run() async throws {
        var printer = IdentifierPrinter(kind: self.kind.value, asJSON: self.output.json)
        try await self.source().issue(self.count, format: self.format ?? .decimal, to: &printer)
        printer.finish()
    }

    /// Where the identifiers come from. Nothing is opened yet.
    private func source() throws -> IdentifierSource {
        let kind = self.kind.value
        let needsStore = kind == .snowflake || kind == .segment
        if !needsStore, !self.stores.isGiven { return .thisProcess(kind) }
        let place = try self.stores.place()
        if let connection = try place.makeRemoteIdentifiers() {
            // What the daemon's configuration says cannot be said here as well.
            if self.layout != nil || self.datacenter != nil || self.worker != nil || self.namespace != nil {
                throw Failure(
                    "invalid_request",
                    "--layout, --datacenter, --worker, and --namespace are the business of the daemon at \(place), which has "
                        + "a worker number of its own.", exitCode: .usage)
            }
            return .daemon(connection, kind, tag: self.tag)
        }
        guard needsStore else { return .thisProcess(kind) }
        if kind == .segment, let tag { return .segment(tag, place) }
        return .snowflake(
            SnowflakeWish(
                namespace: self.namespace ?? "colony", layout: (self.layout ?? .classic).value,
                datacenter: self.datacenter ?? 0, worker: self.worker), place)
    }
}

extension StoreOptions {
    /// Whether the caller names a place, and does not leave it to the default.
    var isGiven: Bool {
        self.store != nil || self.server != nil || Environment["COLONY_STORE"] != nil
            || Environment["COLONY_SERVER"] != nil
    }
}
