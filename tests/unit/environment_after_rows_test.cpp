// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/after_data.hpp"

#include "tests/support/catch.hpp"

using namespace ardent::environment;

TEST_CASE("a script of pg_restore is cut into statements that are told apart", "[environment]") {
    const std::string script = R"(--
-- PostgreSQL database dump
--

\restrict k3y

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: t_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX "T ""n" ON ONLY public."my ; table" USING btree (public.f('a;
\restrict k3y
b'::text)) WHERE (x > 0);

ALTER TABLE public."my ; table" CLUSTER ON "T ""n";
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);
ALTER TABLE ONLY s.letters
    ADD CONSTRAINT "to" FOREIGN KEY (to_id) REFERENCES public.people(id) DEFERRABLE;
ALTER TABLE s.letters
    ADD CONSTRAINT old FOREIGN KEY (to_id) REFERENCES public.people(id) NOT VALID;
ALTER TABLE s.letters
    ADD CONSTRAINT c CHECK (f('NOT VALID'::text)) NO INHERIT;
ALTER DOMAIN s.d
    ADD CONSTRAINT positive CHECK ((VALUE > 0)) NOT VALID;
ALTER TABLE s.letters
    ADD CONSTRAINT n NOT NULL x NOT VALID;
ALTER TABLE s.letters
    ADD CONSTRAINT e FOREIGN KEY (a) REFERENCES s.b(c) NOT ENFORCED;
COMMENT ON CONSTRAINT c ON s.letters IS '\restrict';

\unrestrict k3y

)";
    const auto found = read_after_data(script);
    REQUIRE(found.size() == 13);
    CHECK(found[0].sql == "SET statement_timeout = 0");
    CHECK(found[2].kind == AfterDataKind::setting);
    CHECK(found[3].kind == AfterDataKind::index);
    CHECK(found[3].name == "T \"n");
    CHECK(found[3].table == ardent::model::RelationName{"public", "my ; table"});
    CHECK(found[3].sql.find("'a;\n\\restrict k3y\nb'") != std::string::npos);
    CHECK(found[4].kind == AfterDataKind::other);
    CHECK(found[5].kind == AfterDataKind::constraint);
    CHECK(found[6].kind == AfterDataKind::foreign_key);
    CHECK(found[6].name == "to");
    CHECK(found[6].table == ardent::model::RelationName{"s", "letters"});
    CHECK(found[6].sql.substr(found[6].definition) ==
          "FOREIGN KEY (to_id) REFERENCES public.people(id) DEFERRABLE");
    CHECK_FALSE(found[6].unchecked);
    CHECK(found[7].unchecked);
    CHECK(found[8].kind == AfterDataKind::check);
    CHECK_FALSE(found[8].unchecked);
    CHECK(found[9].kind == AfterDataKind::check);
    CHECK(found[9].table == ardent::model::RelationName{"s", "d"});
    CHECK(found[9].unchecked);
    CHECK(found[10].kind == AfterDataKind::check);
    CHECK(found[10].unchecked);
    CHECK(found[11].unchecked);
    CHECK(found[12].kind == AfterDataKind::other);
}
