import ArgumentParser
import ColonyCoordination
import ColonyCore
import ColonyRemote

struct SemaphoreListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the semaphores that are in use, with who holds permits and who waits.",
        discussion: "Example: colony semaphore list --prefix uploads/ --json"
    )

    @Option(help: ArgumentHelp("Only names that start with this.", valueName: "text"))
    var prefix = ""

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    /// The same shape as that of the HTTP interface.
    private struct Document: Encodable {
        let semaphores: [SemaphoreDocument]
    }

    mutating func run() async throws {
        let place = try self.stores.place()
        guard let engine = try place.makeEngine() as? any PermitAdministration else {
            throw Failure("invalid_request", "\(place) cannot list semaphores.", exitCode: .usage)
        }
        var records: [PermitRecord] = []
        repeat {
            let page = try await engine.permitRecords(
                withPrefix: self.prefix, after: records.last?.name, limit: LeaseLimits.batch)
            records += page
            if page.count < LeaseLimits.batch { break }
        } while true
        if self.output.json {
            StandardOutput.write(try JSONText.of(Document(semaphores: records.map { SemaphoreDocument($0) })))
        } else if records.isEmpty {
            StandardError.write(
                self.prefix.isEmpty
                    ? "No semaphore is in use." : "No semaphore whose name starts with \"\(self.prefix)\" is in use.")
        } else {
            StandardOutput.write(Self.table(records))
        }
    }

    private static func table(_ records: [PermitRecord]) -> String {
        var table = TextTable([
            .init("NAME"), .init("OWNER"), .init("PERMITS", isNumeric: true), .init("TOKEN", isNumeric: true),
            .init("HELD", isNumeric: true), .init("LEFT", isNumeric: true),
        ])
        table.rows = records.flatMap { record in
            record.holders.map { holder in
                [
                    record.name.rawValue, holder.owner.rawValue, "\(holder.permits)", holder.token.description,
                    holder.age.text, holder.remaining.text,
                ]
            }
                + record.claims.map { claim in
                    [
                        record.name.rawValue, claim.owner.rawValue, "\(claim.permits)", "waits", claim.age.text, "",
                    ]
                }
        }
        return table.lines.joined(separator: "\n")
    }
}
