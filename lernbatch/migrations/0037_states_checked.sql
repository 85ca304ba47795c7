-- outside a transaction: learners go on while every row is looked at
ALTER TABLE enrolment VALIDATE CONSTRAINT enrolment_states;
