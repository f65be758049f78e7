#if Postgres
import ColonyPostgres
import Testing

@Suite struct PostgresLeaseEngineTests {
    @Test func `it is linked`() {}
}
#endif
