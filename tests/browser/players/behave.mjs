// What is asked of each player, one thing after another, in one sitting.
//
// A behaviour has passed only if it was observed. Must not know: which player it is.

/** Gives `{ behaviour: "ok" | what was missing }`. */
export async function behave(scene) {
  const { actor, patience = 45 } = scene;
  const seen = {};
  const first = await scene.renew();
  scene.session = first.session;
  await actor.load(first.url);
  for (const [name, behaviour] of Object.entries({ rotation, seek, pause, renewal, revocation })) {
    try {
      await behaviour(scene, async (what, ready, limit = patience) => {
        const end = Date.now() + limit * 1000;
        for (;;) {
          const state = await actor.state();
          if (ready(state)) {
            return state;
          }
          if (Date.now() > end) {
            const errors = state.errors.slice(-2).join("; ");
            throw new Error(`${what}: ${errors || `in silence at ${Math.round(state.time - state.from)} of the window`}`);
          }
          await new Promise((done) => { setTimeout(done, 100); });
        }
      });
      seen[name] = "ok";
    } catch (error) {
      seen[name] = String(error.message);
      if (name === "rotation") {
        break;
      }
    }
  }
  return seen;
}

async function rotation({ door, sign }, wait) {
  const { time } = await wait("it begins", (state) => state.time > 0);
  const end = await wait("it plays on under three keys", (state) => (
    state.time >= time + 9 && door.kids(sign).size >= 3
  ));
  if (end.errors.length > 0) {
    throw new Error(end.errors.join("; "));
  }
}

async function seek({ actor }, wait) {
  if (!actor.seek) {
    throw new Error("no way to seek");
  }
  const { time } = await actor.state();
  const to = time - 9;
  await actor.seek(to);
  const { time: from } = await wait("it is there", (state) => (
    state.time >= to - 3 && state.time <= to + 3
  ));
  await wait("it plays on from there", (state) => state.time >= from + 3);
}

async function pause({ actor, newest }, wait) {
  const was = await newest();
  await actor.pause();
  let now = was;
  const asking = setInterval(async () => { now = await newest(); }, 500);
  try {
    const { time } = await wait("it stands", () => true);
    const { time: then } = await wait("the key changes", () => now !== was);
    if (then > time + 1.5) {
      throw new Error("it did not stand still");
    }
    await actor.resume();
    await wait("it plays on", (state) => state.time >= then + 5);
  } finally {
    clearInterval(asking);
  }
}

async function renewal(scene, wait) {
  const { actor, door, sign } = scene;
  if (!actor.canRenew) {
    throw new Error("no way to give it another credential");
  }
  const old = scene.session;
  const { session, url, inPlace } = await scene.renew();
  scene.session = session;
  if (!inPlace) {
    await actor.load(url);
  }
  await scene.revoke({ session: old });
  const [since, begun] = [Date.now(), await wait("it plays", (state) => state.time > 0)];
  await wait("it plays on under new keys", (state) => (
    door.kids(sign, since).size >= 2 && (state.time >= begun.time + 4 || !inPlace && state.time > 4)
  ));
}

async function revocation({ door, sign, who, revoke }, wait) {
  const before = await wait("it plays", (state) => state.time > 0);
  await wait("it plays on", (state) => state.time > before.time + 1);
  await revoke({ viewer: who });
  const since = Date.now() + 1000;
  let [last, at] = [-1, Date.now()];
  await wait("it stops, refused", (state) => {
    if (Math.abs(state.time - last) > 0.05) {
      [last, at] = [state.time, Date.now()];
    }
    const refused = door.of(sign).some((note) => note.at >= since - 1000 && [401, 403].includes(note.status));
    return refused && Date.now() - at > 6000;
  }, 90);
  if (door.kids(sign, since).size > 0) {
    throw new Error("a key after it");
  }
}
