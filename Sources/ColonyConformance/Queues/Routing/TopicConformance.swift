/// The conformance suite of `TopicEngine`: what the port promises beyond that of exchanges, as cases that any engine can be put to.
public enum TopicConformance {
    /// All cases, in the order in which they are run.
    public static let cases: [QueueCase] =
        Self.logCases + Self.retentionCases + Self.durableCases + Self.waitingCases + Self.refusalCases
}
