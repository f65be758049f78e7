import ColonyCore

/// Several databases that commit together or not at all.
///
/// ```swift
/// let accounts = try PostgresParticipant("accounts", url: "postgres://…/accounts")
/// let ledger = try PostgresParticipant("ledger", url: "postgres://…/ledger")
/// let booking = try TwoPhaseCommit("booking", participants: [accounts, ledger])
/// let coordinator = try TransactionCoordinator(journal, definitions: [booking])
///
/// try await coordinator.execute(booking) { work in
///     try await work.prepare(accounts) { database in
///         try await database.query("UPDATE accounts SET balance = balance - $1 WHERE id = $2", ["100", "7"])
///     }
///     try await work.prepare(ledger) { database in
///         try await database.query("INSERT INTO entries VALUES ($1, $2)", ["7", "-100"])
///     }
/// }
/// ```
///
/// - Important: Do not use it where a ``Saga`` or a ``TCC`` will do. From its prepare until the decision has reached it, a participant keeps
///   every lock that the work took; if the coordinator dies in between, that lasts until another one, or an ``OrphanSweeper``, has looked.
///   While a participant cannot be reached, all the others of the transaction have committed and it has not, so readers may see halves. A
///   transaction that stays prepared keeps PostgreSQL from vacuuming what is newer, and survives the restart of the server. It suits few,
///   short transactions over databases of one owner, with a sweeper running and its ages watched.
///
/// **One decision.** Nothing is written while participants prepare. When all have, one durable write decides: the beginning of a
/// transaction of the journal whose steps are the commits, each repeated until it is done, in whatever process has this definition. Without
/// that write everything is aborted: *presumed abort*, so an abort writes nothing. Who wants to abort what somebody else has prepared must
/// write a decision under the same identifier first, which excludes the other one; that is what the sweeper does. That all have committed
/// is written down as well, but not synced: who forgets it has them commit again, which changes nothing.
///
/// - SeeAlso: C. Mohan, B. Lindsay, R. Obermarck, *Transaction management in the R\* distributed database management system*, ACM TODS 11(4),
///   1986, section 3: presumed abort.
public struct TwoPhaseCommit: Sendable {
    /// By what journals refer to it.
    public let key: DefinitionKey
    /// Within which time all must have prepared, from the first on; later, they are aborted.
    public let prepareLimit: Duration

    let participants: [StepName: any TwoPhaseParticipant]
    let policy: StepPolicy

    /// Defines a two-phase commit.
    ///
    /// - Parameters:
    ///   - name: What it is called in journals, 1 to 255 bytes.
    ///   - version: From 1.
    ///   - participants: Those that may take part, each name once; 1 to ``TransactionLimits/steps``. Keep one in the definition until
    ///     what it has prepared is committed.
    ///   - prepareLimit: From a millisecond to an hour. Half a minute is longer than any transaction should hold its locks.
    ///   - policy: How a commit is called and repeated.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`.
    public init(
        _ name: String, version: Int = 1, participants: [any TwoPhaseParticipant],
        prepareLimit: Duration = .seconds(30), policy: StepPolicy = .standard
    ) throws(TransactionError) {
        self.key = try DefinitionKey(checking: name, version: version)
        let limits: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3_600)
        let defect =
            SettingRange.defect(of: prepareLimit, in: limits, as: "the time to prepare")
            ?? SettingRange.defect(
                of: participants.count, in: 1...TransactionLimits.steps, as: "the number of participants")
        if let defect { throw TransactionError(.invalidDefinition, defect) }
        if policy.exhaustion == .turnBack {
            throw TransactionError(.invalidDefinition, "a commit cannot turn back; have it be stuck")
        }
        var table: [StepName: any TwoPhaseParticipant] = [:]
        for participant in participants {
            guard table.updateValue(participant, forKey: participant.name) == nil else {
                throw TransactionError(.invalidDefinition, "there are two participants \"\(participant.name)\"")
            }
        }
        self.participants = table
        self.prepareLimit = prepareLimit
        self.policy = policy
    }

    /// The steps of a decision: commits at the same time.
    func plan(_ names: [StepName]) throws -> TransactionPlan {
        let policy = self.policy
        let steps = try names.map { name -> PlannedStep in
            guard let participant = self.participants[name] else {
                throw TransactionError(
                    .definitionChanged,
                    "\(self.key) has no participant \"\(name)\" any more, which has to commit; bring it back")
            }
            return PlannedStep(
                shape: StepOutline(name, .retryable, after: []), policy: policy,
                action: { call in
                    try await participant.commit(call.transaction)
                    return StepResult((), bytes: [])
                }, decodeOutput: { _ in () })
        }
        return TransactionPlan(steps: steps, timeout: nil, isDecidedAtOnce: true) { bytes in
            try JSONCoding.decode([StepName].self, from: bytes)
        }
    }
}

extension TwoPhaseCommit: TransactionDefining {
    /// The same for a coordinator.
    public var definition: ErasedDefinition {
        ErasedDefinition(
            TransactionDefinition(self.key, .twoPhase) { input in
                try self.plan(try JSONCoding.decode([StepName].self, from: input))
            })
    }
}
