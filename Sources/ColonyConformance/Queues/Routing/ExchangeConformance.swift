/// The conformance suite of `ExchangeEngine`: what the port promises beyond that of queues, as cases that any engine can be put to.
public enum ExchangeConformance {
    /// All cases, in the order in which they are run.
    public static let cases: [QueueCase] =
        Self.declarationCases + Self.routingCases + Self.atomicityCases + Self.refusalCases + Self.changeCases
}
