import ArgumentParser
import ColonyCore
import ColonyRemote
import ColonyResilience

struct LimitTakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "take",
        abstract: "Take permits of a limit, if there are enough now.",
        discussion: """
            Example: colony limit take mails --rate 100 --per 1h --burst 20 && ./send-mail.sh

            The limit holds up to --burst permits and gets --rate of them back in each --per, evenly. All who share a name \
            should give the same numbers: each request is judged by those that it brings.

            Exit codes: 0 if the permits were taken, 75 if there were too few or the store did not answer, 64 for wrong usage.
            """
    )

    @OptionGroup var limit: LimitNameArgument

    @Option(help: ArgumentHelp("How many are taken together; 0 only looks. (default: 1)", valueName: "count"))
    var permits = 1

    @Option(help: ArgumentHelp("How many come back in each --per.", valueName: "count"))
    var rate: Int

    @Option(
        help: .duration("The period of --rate, such as 1s or 1h. (default: 1s)"),
        transform: { try DurationArgument($0) })
    var per = DurationArgument(.seconds(1))

    @Option(help: ArgumentHelp("How many an idle limit holds. (default: as many as --rate)", valueName: "count"))
    var burst: Int?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let rule: RateLimitRule
        do {
            rule = try RateLimitRule(self.rate, per: self.per.value, burst: self.burst)
        } catch {
            throw Failure("invalid_request", "\(error.message).", exitCode: .usage)
        }
        guard (0...rule.burst).contains(self.permits) else {
            throw Failure(
                "invalid_request", "--permits \(self.permits) is not from 0 to the burst of \(rule.burst).",
                exitCode: .usage)
        }
        let engine = try self.stores.place().makeLimitEngine()
        let decision = try await engine.take(
            RateLimitRequest(self.limit.name, permits: self.permits, rule: rule))
        if self.output.json {
            StandardOutput.write(try JSONText.of(LimitDecisionDocument(decision)))
        } else if decision.isAllowed {
            StandardOutput.write("taken; \(decision.remaining) left")
        } else {
            StandardError.write(
                "colony: the limit \(self.limit.name) has \(decision.remaining) permits left; ask again in "
                    + "\(decision.retryAfter.text)")
        }
        if !decision.isAllowed { throw ExitCode.tryAgainLater }
    }
}
