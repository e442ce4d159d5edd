/*
 * Anchor: what is served in a split brain is no older than what was acknowledged, on whichever side, when the anchor was
 * last asked.
 *
 * Two servers that both answer, each with one instance that reaches it alone; a database that both reach, with the data
 * and the anchor. The second server is promoted at some moment; from then on each may begin histories of its own. A
 * look at the anchor and a heartbeat come before anything is served.
 *
 *   -DBLIND       the first instance does not reach the database; it goes by its server's word, which has all its
 *                 replicas until one is promoted
 *
 * Each of these breaks the protocol in one place; the checker must find a stale read in every one:
 *   -DNOLOOK      a lease is granted by the heartbeat alone, as without an anchor
 *   -DNOVOUCH     an invalidation is acknowledged without a look at the anchor after it was executed
 *   -DLATERAISE   a history is used before it is anchored
 *   -DBLINDRAISE  an earlier history may take the place of a later one
 *   -DBLIND -DDEAF  the server's word is taken although its replica may be gone
 */
#ifndef WRITES
#define WRITES 2
#endif
#ifndef CHANGES
#define CHANGES 2
#endif

byte database = 0, acknowledged = 0, anchor = 1;
bit promoted = 0;
byte changes = 0;

typedef Server { byte epoch; byte invalidated };         /* the last version that was invalidated in it */
Server server[2];

typedef Instance {
  bit attached, held;
  byte heldVersion, applied
};
Instance instance[2];

inline forget(i) {
  instance[i].held = 0; instance[i].heldVersion = 0; instance[i].applied = server[i].invalidated
}

/* Begins a history beyond the anchor, anchors it, and only then uses it. */
proctype Change(byte i) {
  byte expected;
  do
  :: atomic {
       changes < CHANGES && (i == 0 || promoted) && anchor != server[i].epoch ->
       changes++;
       instance[i].attached = 0;
       expected = anchor;
       server[i].epoch = (anchor > server[i].epoch -> anchor : server[i].epoch) + 1;
#ifdef LATERAISE
       forget(i); instance[i].attached = 1
#endif
     };
     atomic {
#ifdef BLINDRAISE
       anchor = server[i].epoch;
#else
       if
       :: anchor == expected -> anchor = server[i].epoch
       :: else -> skip
       fi;
#endif
       expected = 0;
#ifndef LATERAISE
       if
       :: anchor == server[i].epoch -> forget(i); instance[i].attached = 1
       :: else -> skip
       fi
#endif
     }
  :: atomic { changes >= CHANGES -> break }
  od
}

/* The first of the side's connections that is told late goes on in the history it had. */
proctype Rejoin(byte i) {
#ifdef BLINDRAISE
  atomic { instance[i].attached -> anchor = server[i].epoch }
#else
  atomic { instance[i].attached && anchor < server[i].epoch -> anchor = server[i].epoch }
#endif
}

proctype Promote() { promoted = 1 }

proctype Writer() {
  byte done = 0, version, side, epoch;
  do
  :: done < WRITES ->
     done++;
     if
     :: side = 0
     :: side = 1
     fi;
     atomic { database++; version = database };
     atomic {
       if
       :: instance[side].attached -> server[side].invalidated = version; epoch = server[side].epoch
       :: else -> epoch = 0
       fi
     };
     atomic {
       if
#ifdef NOVOUCH
       :: epoch != 0 -> acknowledged = version
#endif
#ifdef BLIND
       :: epoch != 0 && side == 0 && !promoted -> acknowledged = version
       :: epoch != 0 && side == 1 && anchor == epoch -> acknowledged = version
#else
       :: epoch != 0 && anchor == epoch -> acknowledged = version
#endif
       :: else -> skip
       fi;
       version = 0; side = 0; epoch = 0
     }
  :: else -> break
  od
}

/* A look, a heartbeat after it, and the log applied as far as its answer: then what is held may be served. */
proctype Renew(byte i) {
  byte atLook, last;
  bit counts;
  do
  :: atomic { instance[i].attached -> atLook = acknowledged };
     atomic {
#ifdef NOLOOK
       atLook = acknowledged; counts = 1
#else
       counts = (instance[i].attached && anchor == server[i].epoch)
#endif
     };
     atomic {
#ifdef BLIND
       if
       :: i == 0 ->
          atLook = acknowledged;
#ifdef DEAF
          counts = 1
#else
          counts = !promoted
#endif
       :: else -> skip
       fi;
#endif
       last = server[i].invalidated
     };
     atomic {
       if
       :: counts && instance[i].attached && instance[i].applied >= last ->
          assert(!instance[i].held || instance[i].heldVersion >= atLook)
       :: else -> skip
       fi;
       atLook = 0; last = 0; counts = 0
     }
  od
}

proctype Follow(byte i) {
  do
  :: atomic {
       instance[i].attached && instance[i].applied < server[i].invalidated ->
       instance[i].applied = server[i].invalidated;
       instance[i].held = 0; instance[i].heldVersion = 0
     }
  od
}

/* What is filled was read a moment ago: that it cannot be old is the business of the other models. */
proctype Fill(byte i) {
  do
  :: atomic { instance[i].attached && !instance[i].held -> instance[i].held = 1; instance[i].heldVersion = database }
  od
}

init {
  atomic {
    server[0].epoch = 1; instance[0].attached = 1;
    run Writer();
    run Promote();
    run Change(0); run Change(1);
    run Rejoin(0);
    run Renew(0); run Renew(1);
    run Follow(0); run Follow(1);
    run Fill(0); run Fill(1)
  }
}
