// Follows the alerts as they come.

const AGAIN = 5_000;

/**
 * Calls `handlers.alert` for each alert after `place`, `handlers.state` with "live", "lost" or the worker's words, and
 * `handlers.restart` where the worker counts anew, or it is another one: then all must be asked for again.
 * How things are is told by the worker's signs alone: that it answers, or sends an alert, does not say that all is well.
 * A browser comes back by itself and says what it had last; where the worker refuses it, it is asked again.
 * Returns what ends it.
 */
export function follow(query, place, handlers) {
  let source = null;
  let timer = null;
  let last = place;
  const end = () => {
    clearTimeout(timer);
    source.close();
  };
  const isOfSame = ({ lastEventId }) => {
    const isSame = lastEventId.split("-")[0] === last.split("-")[0];
    last = lastEventId;
    if (!isSame) {
      end();
      handlers.restart();
    }
    return isSame;
  };
  const open = () => {
    const asked = new URLSearchParams(Object.entries({ ...query, after: last }).filter(([, value]) => value));
    source = new EventSource(`api/events?${asked}`);
    source.onerror = () => {
      handlers.state("lost");
      if (source.readyState !== EventSource.CLOSED) return;
      window.dispatchEvent(new Event("refused")); // perhaps nobody is signed in any more
      timer = setTimeout(open, AGAIN);
    };
    source.addEventListener("alert", (event) => {
      if (!isOfSame(event)) return;
      handlers.alert(JSON.parse(event.data));
    });
    source.addEventListener("still-here", (event) => {
      if (!isOfSame(event)) return;
      handlers.state("live");
    });
    source.addEventListener("trouble", (event) => {
      if (!isOfSame(event)) return;
      handlers.state(JSON.parse(event.data));
    });
  };
  open();
  return end;
}
