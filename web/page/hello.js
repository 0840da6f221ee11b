// The first word of a worker. Until it has come nothing says that the file at its address is Kin's, or a script at all:
// what goes wrong before is explained, with its cure.
export const patience = 30; // seconds in which a worker says hello

// `start(handlers)` -> a link (shared/link.js), or throws; `handlers`: { message, died }; `explain(error)`, null where the
// worker kept silent -> a KinError, or its promise.
export function greet(start, { message, died } = {}, explain) {
  let heard = false;
  let worker = null;
  let over = false;
  const end = () => {
    over = true;
    clearTimeout(timer);
  };
  const lost = async (error) => {
    if (over) return;
    end();
    worker?.terminate();
    died?.(heard ? error : await explain(error).catch((reason) => reason));
  };
  const timer = setTimeout(lost, patience * 1000, null);
  timer.unref?.();
  try {
    worker = start({ died: lost, message(sent) {
      if (heard) return message?.(sent);
      heard = sent?.hello === 'kin-clip'; // others in the file may speak first
      return heard && clearTimeout(timer);
    } });
  } catch (error) {
    lost(error);
  }
  return { post: (sent) => worker?.post(sent), ref: () => worker?.ref(), unref: () => worker?.unref(), terminate(how) {
    end();
    return worker?.terminate(how);
  } };
}
