/// What a handler throws to decide itself what becomes of its message.
///
/// Any other error means that the message is tried again after a rest, as long as the queue has deliveries left for it.
public enum Reject: Error, Hashable, Sendable {
    /// The message can never be handled: it becomes a dead letter at once.
    case deadLetter(String)
    /// The message is tried again after this rest.
    case retry(after: Duration)
}
