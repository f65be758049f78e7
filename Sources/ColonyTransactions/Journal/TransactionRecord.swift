public import ColonyCore

/// A transaction that is to be.
public struct NewTransaction: Hashable, Sendable {
    /// Its name, of the caller's making or of nobody's else.
    public var id: TransactionID
    /// Which kind it is.
    public var kind: TransactionKind
    /// What it is called in lists.
    public var label: DefinitionName
    /// By what a coordinator that takes over looks its definition up.
    public var definition: DefinitionKey
    /// Its steps as they were when it was begun.
    public var outline: [StepOutline]
    /// What the definition is worked on with.
    public var input: [UInt8]
    /// Within which time it turns back unless the pivot was begun; `nil` for no limit.
    public var timeout: Duration?
    /// When it was started, by the civil clock of who started it.
    public var startedAt: WallTime
    /// The first decisions.
    public var entries: [JournalEntry]
    /// Where it stands after them; its end, if it has no step that is called.
    public var state: TransactionState

    /// Makes one.
    public init(
        id: TransactionID, kind: TransactionKind, label: DefinitionName, definition: DefinitionKey,
        outline: [StepOutline], input: [UInt8], timeout: Duration?, startedAt: WallTime, entries: [JournalEntry],
        state: TransactionState
    ) {
        self.id = id
        self.kind = kind
        self.label = label
        self.definition = definition
        self.outline = outline
        self.input = input
        self.timeout = timeout
        self.startedAt = startedAt
        self.entries = entries
        self.state = state
    }
}

/// What a journal knows of a transaction.
public struct TransactionRecord: Hashable, Sendable {
    /// What it is called in lists, when it was started, and where it stands.
    public var summary: TransactionSummary
    /// By what its definition is looked up.
    public var definition: DefinitionKey
    /// Its steps as they were when it was begun.
    public var outline: [StepOutline]
    /// What the definition is worked on with.
    public var input: [UInt8]
    /// Within which time it turns back.
    public var timeout: Duration?
    /// Whether somebody wants it cancelled.
    public var isCancellationRequested: Bool
    /// All that was decided, in order.
    public var entries: [JournalEntry]

    /// Makes a record.
    public init(
        summary: TransactionSummary, definition: DefinitionKey, outline: [StepOutline], input: [UInt8],
        timeout: Duration?, isCancellationRequested: Bool, entries: [JournalEntry]
    ) {
        self.summary = summary
        self.definition = definition
        self.outline = outline
        self.input = input
        self.timeout = timeout
        self.isCancellationRequested = isCancellationRequested
        self.entries = entries
    }
}

/// A line of a list of transactions.
public struct TransactionSummary: Hashable, Sendable {
    /// Which one.
    public var id: TransactionID
    /// Which kind it is.
    public var kind: TransactionKind
    /// What it is called.
    public var label: DefinitionName
    /// Where it stands.
    public var state: TransactionState
    /// When it was started.
    public var startedAt: WallTime
    /// When the latest entry was written.
    public var changedAt: WallTime
    /// The coordinator that works on it; `nil` if none does.
    public var coordinator: FencingToken?
    /// Its place in the journal: transactions that were begun later have greater ones.
    public var number: Int64

    /// Makes a summary.
    public init(
        id: TransactionID, kind: TransactionKind, label: DefinitionName, state: TransactionState, startedAt: WallTime,
        changedAt: WallTime, coordinator: FencingToken?, number: Int64
    ) {
        self.id = id
        self.kind = kind
        self.label = label
        self.state = state
        self.startedAt = startedAt
        self.changedAt = changedAt
        self.coordinator = coordinator
        self.number = number
    }
}

/// What became of the attempt to begin a transaction.
public enum BeginOutcome: Hashable, Sendable {
    /// It was stored, and belongs to the coordinator.
    case begun
    /// There is one of its identifier.
    case exists(TransactionRecord)
}

/// What became of the attempt to claim transactions.
public struct ClaimOutcome: Hashable, Sendable {
    /// What belongs to the coordinator from here on.
    public var claimed: [TransactionRecord]
    /// Definitions of transactions that belong to nobody and were not asked for; empty also if there were more to claim.
    public var unknown: Set<DefinitionKey>
    /// Those that were to be claimed and that the journal cannot make sense of. They keep nobody from the others; a person has to look.
    public var unreadable: [UnreadableTransaction]

    /// Makes an outcome.
    public init(
        claimed: [TransactionRecord], unknown: Set<DefinitionKey>, unreadable: [UnreadableTransaction] = []
    ) {
        self.claimed = claimed
        self.unknown = unknown
        self.unreadable = unreadable
    }
}

/// A transaction that is in the journal in a form that this version does not know, or damaged.
public struct UnreadableTransaction: Hashable, Sendable {
    /// Which one.
    public var id: TransactionID
    /// What is wrong with it.
    public var reason: String

    /// Puts the two together.
    public init(id: TransactionID, reason: String) {
        self.id = id
        self.reason = reason
    }
}
