/*
 * Lease, chain and history: what memory serves under a lease is no older than what was acknowledged when the heartbeat
 * of that lease was executed, even if the server falls back to an earlier copy of itself.
 *
 * One instance that follows the log; a server whose state a failover may roll back to what its replica had. Two kinds of
 * invalidations travel in the log: of the key that is watched, and of others, so that losing one message is not the same
 * as losing all. Ids are reused after a failover, as low as a clock allows.
 *
 *   -DTRIM        the oldest message may be trimmed from the log
 *
 * Each of these breaks the protocol in one place; the checker must find a stale read in every one:
 *   -DCOUNTER     eras are counted instead of drawn afresh at each change of history
 *   -DNOCHAIN     a message's predecessor is not compared with what was applied last
 *   -DNOATTEST    a change of history is not looked for when a connection is made
 *   -DNOAPPLIED   a lease is granted although the log was not applied up to the heartbeat's answer
 */
#ifndef WRITES
#define WRITES 2
#endif
#ifndef FAILOVERS
#define FAILOVERS 2
#endif
#ifndef HEARTBEATS
#define HEARTBEATS 3
#endif
#define IDS 4

typedef Log {
  bit present[IDS];          /* a message stands at this id */
  bit other[IDS];            /* it is of no interest to the watched key */
  byte previous[IDS];
  byte writtenIn[IDS];       /* its era */
};

typedef Server {
  byte era, last, attestedAs;
};

byte database = 0, acknowledged = 0;
Server server, replica;
Log log, copyOfLog;
byte identity = 1, freshEra = 10;

byte era = 1, applied = 0, provedUpTo = 0;   /* the instance */
bit  connected = 1, leased = 0, held = 0, clean = 0;
byte heldVersion = 0;

inline attest() {
#ifdef NOATTEST
  skip
#else
  if
  :: server.attestedAs != identity ->
#ifdef COUNTER
     server.era++;
#else
     server.era = freshEra;
     freshEra++;
#endif
     server.attestedAs = identity
  :: else -> skip
  fi
#endif
}

inline reset(to) {
  held = 0; heldVersion = 0; clean = 0;
  applied = to; leased = 0; provedUpTo = 0
}

inline copyServer(from, fromLog, to, toLog) {
  to.era = from.era; to.last = from.last; to.attestedAs = from.attestedAs;
  toLog.present[1] = fromLog.present[1]; toLog.present[2] = fromLog.present[2]; toLog.present[3] = fromLog.present[3];
  toLog.other[1] = fromLog.other[1]; toLog.other[2] = fromLog.other[2]; toLog.other[3] = fromLog.other[3];
  toLog.previous[1] = fromLog.previous[1]; toLog.previous[2] = fromLog.previous[2]; toLog.previous[3] = fromLog.previous[3];
  toLog.writtenIn[1] = fromLog.writtenIn[1]; toLog.writtenIn[2] = fromLog.writtenIn[2]; toLog.writtenIn[3] = fromLog.writtenIn[3]
}

proctype Writer() {
  byte done = 0, version;
  bit ofOther;
  do
  :: done < WRITES ->
     done++;
     if
     :: ofOther = 0
     :: ofOther = 1
     fi;
     atomic {
       if
       :: !ofOther -> database++
       :: else -> skip
       fi;
       version = database
     };
     atomic {
       attest();
       if
       :: server.last < IDS - 1 ->
          log.present[server.last + 1] = 1;
          log.previous[server.last + 1] = server.last;
          log.writtenIn[server.last + 1] = server.era;
          log.other[server.last + 1] = ofOther;
          server.last++
       :: else -> goto noRoom
       fi
     };
     acknowledged = version
  :: else -> break
  od;
noRoom: skip
}

proctype Replicate() {
  byte times = 0;
  do
  :: times < 3 -> atomic { times++; copyServer(server, log, replica, copyOfLog) }
  :: else -> break
  od
}

proctype Failover() {
  byte times = 0;
  do
  :: times < FAILOVERS -> atomic { times++; copyServer(replica, copyOfLog, server, log); identity++; connected = 0 }
  :: else -> break
  od
}

proctype Instance() {
  byte next, answeredLast, answeredEra, answeredAck, beats = 0;
  bit beating = 0;
  do
  :: atomic {                                                    /* connect: attest, and start anew in another history */
       !connected ->
       attest();
       if
       :: era != server.era -> era = server.era; reset(server.last); beating = 0
       :: else -> skip
       fi;
       connected = 1
     }
  :: atomic {                                                    /* a heartbeat is executed */
       connected && !beating && beats < HEARTBEATS ->
       beats++;
       answeredLast = server.last; answeredEra = server.era; answeredAck = acknowledged;
       beating = 1
     }
  :: atomic {                                                    /* its answer is used */
       beating ->
       if
#ifdef NOAPPLIED
       :: answeredEra == era -> leased = 1; provedUpTo = answeredAck; beating = 0
#else
       :: answeredEra == era && applied >= answeredLast -> leased = 1; provedUpTo = answeredAck; beating = 0
#endif
       :: answeredEra != era -> beating = 0
       :: else ->                                                /* wait, or give up: the message was lost */
          if
          :: skip
          :: reset(answeredLast); beating = 0
          fi
       fi;
       if
       :: !beating -> answeredLast = 0; answeredEra = 0; answeredAck = 0
       :: else -> skip
       fi
     }
  :: atomic {                                                    /* the next message of the log */
       connected && applied < server.last ->
       next = applied + 1;
       do
       :: next <= server.last && !log.present[next] -> next++
       :: else -> break
       od;
       if
       :: next > server.last -> skip
       :: next <= server.last && log.writtenIn[next] != era -> skip
#ifndef NOCHAIN
       :: next <= server.last && log.writtenIn[next] == era && log.previous[next] != applied -> reset(next)
       :: next <= server.last && log.writtenIn[next] == era && log.previous[next] == applied ->
#else
       :: next <= server.last && log.writtenIn[next] == era ->
#endif
          if
          :: !log.other[next] -> held = 0; heldVersion = 0; clean = 0
          :: else -> skip
          fi;
          applied = next
       fi;
       next = 0
     }
  od
}

proctype Fill() {
  byte times = 0, version;
  do
  :: times < 2 ->
     times++;
     atomic { clean = 1; version = database };
     atomic {
       if
       :: clean -> held = 1; heldVersion = version
       :: else -> skip
       fi;
       version = 0
     }
  :: else -> break
  od
}

proctype Trim() {
  atomic { log.present[1] = 0 }
}

proctype Observer() {
  do
  :: atomic { leased && held -> assert(heldVersion >= provedUpTo); break }
  od
}

init {
  atomic {
    server.era = 1; server.attestedAs = 1;
    replica.era = 1; replica.attestedAs = 1;
    run Writer();
    run Replicate();
    run Failover();
    run Instance();
    run Fill();
#ifdef TRIM
    run Trim();
#endif
    run Observer()
  }
}
