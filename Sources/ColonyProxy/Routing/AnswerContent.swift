/// A fixed answer as bytes.
final class AnswerContent: Sendable {
    let status: Int
    let contentType: [UInt8]
    let body: [UInt8]

    init(_ answer: RouteAnswer) {
        self.status = answer.status
        self.contentType = Array(answer.contentType.utf8)
        self.body = Array(answer.body.utf8)
    }
}
