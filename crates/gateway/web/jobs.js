// Jobs on pictures: following one from the queue to its end, and how its state is called.
import { call, me, pause } from "./api.js";

/** At most `free` of the given works at a time; browsers open six connections to a server and the page needs some. */
export function lanes(free) {
  const waiting = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise((resolve) => { waiting.push(resolve); });
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
const following = lanes(3);

export const pathOf = (image) => `/users/${me.user.id}/images/${image.id}`;
export const ended = (image) => image.status === "done" || image.status === "failed";

/** Follows a job by its event stream, by asking where the stream is closed; gives the finished image. */
export const follow = (image, onChange) => following(() => new Promise((resolve, reject) => {
  const path = pathOf(image);
  const tell = (now) => {
    onChange(now);
    if (ended(now)) resolve(now);
    return ended(now);
  };
  const ask = async () => {
    for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        if (tell((await call("GET", path)).data)) return;
      } catch (problem) {
        if (problem.status >= 400 && problem.status < 500) return reject(problem);
      }
      await pause(wait);
    }
  };
  const source = new EventSource(`/v1${path}/events`);
  source.addEventListener("status", (event) => tell(JSON.parse(event.data)) && source.close());
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && ask().catch(reject));
}));

const STATE = { queued: "Waiting for a worker", running: "Being worked on", done: "Done", failed: "Failed" };
export const stateOf = ({ status, attempts }) => STATE[status] + (status === "running" && attempts > 1 ? `, attempt ${attempts}` : "");
