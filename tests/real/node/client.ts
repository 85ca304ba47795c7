// Makes a batch and reads it with the typed client, prints what it read; then asks without a token and prints the failure's code.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const [baseUrl, token, courseId = "", startDate = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { "X-Authenticated-User-Token": token } });

const made = await client.POST("/v1/course/batch/create", {
  body: { request: { courseId, name: "Made in TypeScript", enrollmentType: "invite-only", startDate } },
});
if (made.error) throw new Error(`${made.error.params.err}: ${made.error.params.errmsg}`);
const path = { batch_id: made.data.result.batchId };
const read = await client.GET("/v1/course/batch/read/{batch_id}", { params: { path } });
console.log(JSON.stringify(read.data?.result.response));

const stranger = createClient<paths>({ baseUrl });
const refused = await stranger.GET("/v1/course/batch/read/{batch_id}", { params: { path } });
console.log(refused.error?.params.err);
