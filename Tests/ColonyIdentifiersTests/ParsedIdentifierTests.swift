import ColonyIdentifiers
import Foundation
import Testing

@Suite struct ParsedIdentifierTests {
    @Test func theKindFollowsFromTheText() throws {
        let id = try SnowflakeLayout.classic.compose(tick: 1_234_567, datacenter: 3, worker: 4, sequence: 5)
        let parts = try SnowflakeLayout.classic.parse(id)
        for text in [id.description, id.text(.crockford32), id.text(.base62)] {
            #expect(try ParsedIdentifier(text: text) == .snowflake(id, parts))
        }
        let uuid = UUID.v7()
        #expect(try ParsedIdentifier(text: uuid.uuidString.lowercased()) == .uuid(uuid))
        let ulid = ULIDGenerator().next()
        #expect(try ParsedIdentifier(text: ulid.description) == .ulid(ulid))
    }

    @Test(arguments: [
        "", "-1", "007", "99999999999999999999", "nothing", "01ARZ3NDEKTSV4RRFFQ69G5FA!",
        "919108f7x52d1-4320-9bac-f847db4148a8", "919108f7-52d1-4320-9bac-f847db4148a",
    ])
    func malformedTextsAreRefusedAndQuoted(text: String) {
        let error = #expect(throws: IdentifierError.self) { try ParsedIdentifier(text: text) }
        #expect(error?.code == .malformedID)
        #expect(error?.message.contains("\"\(text)\"") == true)
    }

    @Test func aLayoutThatIsTooSmallIsNoticed() {
        let error = #expect(throws: IdentifierError.self) {
            try ParsedIdentifier(text: String(Int64.max), layout: .javaScriptSafe)
        }
        #expect(error?.code == .malformedID)
    }
}
