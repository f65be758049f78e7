import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueueDeclareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "declare",
        abstract: "Make a queue, with settings of its own.",
        discussion: """
            Example: colony queue declare mail --delivery-limit 10 --dead-letter-queue mail.dead

            Publishing and consuming make a queue that is not there with the default settings. Declaring one that is there with the \
            same settings does nothing; with others it exits with 1, names the first that differs, and leaves the queue as it is.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Option(
        help: ArgumentHelp("The most messages. (default: 10000000)", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var capacity: Int?

    @Option(
        help: ArgumentHelp("The most bytes of bodies, keys, and headers. (default: 4GiB)", valueName: "size"),
        transform: { try QueueArguments.bytes($0) })
    var capacityBytes: Int?

    @Option(
        help: ArgumentHelp(
            "What happens when there is no room: wait, reject, or drop_oldest. (default: wait)", valueName: "policy"),
        transform: { try Self.choice($0, of: QueueSettings.Overflow.self) })
    var overflow: QueueSettings.Overflow?

    @Option(
        help: ArgumentHelp(
            "In which order messages are delivered: per_key, priority, fair, or fair_per_key. (default: per_key)",
            valueName: "order"),
        transform: { try Self.choice($0, of: QueueSettings.Order.self) })
    var order: QueueSettings.Order?

    @Option(
        help: ArgumentHelp(
            "After how many deliveries a message becomes a dead letter; 1 to 1000. (default: 5)", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var deliveryLimit: Int?

    @Option(
        help: .duration("How long a consumer has a message unless it extends its lease. (default: 30s)"),
        transform: { try DurationArgument($0) })
    var lease: DurationArgument?

    @Option(
        help: .duration("The longest first rest after a failure; it doubles with each. (default: 500ms)"),
        transform: { try DurationArgument($0) })
    var backoff: DurationArgument?

    @Option(help: .duration("The longest rest of all. (default: 5m)"), transform: { try DurationArgument($0) })
    var backoffMaximum: DurationArgument?

    @Option(
        help: .duration("After how long a message becomes a dead letter whatever happens. (default: never)"),
        transform: { try DurationArgument($0) })
    var retention: DurationArgument?

    @Option(
        help: .duration("How long a --dedup-id is remembered. (default: 5m)"), transform: { try DurationArgument($0) })
    var dedupWindow: DurationArgument?

    @Option(
        help: ArgumentHelp("Where dead letters go. (default: they stay with their queue)", valueName: "name"),
        transform: { try QueueName($0) })
    var deadLetterQueue: QueueName?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String, of type: Choice.Type
    ) throws -> Choice {
        guard let choice = Choice(rawValue: text.replacing("-", with: "_")) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(NameRules.quoted(text)) is none of \(choices).")
        }
        return choice
    }

    private var settings: QueueSettings {
        get throws {
            var settings = QueueSettings()
            settings.capacity = self.capacity ?? settings.capacity
            settings.capacityBytes = self.capacityBytes ?? settings.capacityBytes
            settings.overflow = self.overflow ?? settings.overflow
            settings.order = self.order ?? settings.order
            settings.deliveryLimit = self.deliveryLimit ?? settings.deliveryLimit
            settings.lease = self.lease?.value ?? settings.lease
            settings.retention = self.retention?.value
            settings.deduplicationWindow = self.dedupWindow?.value ?? settings.deduplicationWindow
            settings.deadLetterQueue = self.deadLetterQueue
            let initial = self.backoff?.value ?? settings.backoff.initial
            let maximum = self.backoffMaximum?.value ?? max(initial, settings.backoff.maximum)
            guard initial > .zero, maximum >= initial else {
                throw ValidationError(
                    "A first rest of \(initial.text) and a longest of \(maximum.text) are not possible: the first is above zero, "
                        + "and the longest is not shorter.")
            }
            settings.backoff = Backoff(initial: initial, maximum: maximum)
            return settings
        }
    }

    mutating func validate() throws { _ = try self.settings }

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let isNew = try await engine.declare(self.queue.name, self.settings)
        if self.output.json {
            StandardOutput.write(try JSONText.of(QueueDocument(try await engine.existing(self.queue.name))))
        } else {
            StandardOutput.write(
                isNew ? "Made \(self.queue.name)." : "\(self.queue.name) is there already, with these settings.")
        }
    }
}
